/** Which addresses are the open internet's, and not this machine's or a private network's. */
import { BlockList, isIP } from 'node:net';

/**
 * From IANA's registry of special-purpose IPv4 addresses, multicast and reserved ones included; and
 * the address at which Azure's platform answers its machines, though the registry knows it as any
 * other.
 */
const SPECIAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** All of IPv6 that is handed out, less what stands for something else: Teredo, examples, 6to4. */
const GLOBAL_V6 = '2000::/3';
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const special = blockList(SPECIAL_V4, 'ipv4');
const global6 = blockList([GLOBAL_V6], 'ipv6');
const special6 = blockList(SPECIAL_V6, 'ipv6');

/** `address` as text, without brackets. IPv4 in the clothes of IPv6 is never public. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special.check(address, 'ipv4');
    case 6:
      return global6.check(address, 'ipv6') && !special6.check(address, 'ipv6');
    default:
      return false;
  }
}

function blockList(subnets: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [net = '', bits = ''] = subnet.split('/');
    list.addSubnet(net, Number(bits), family);
  }
  return list;
}
