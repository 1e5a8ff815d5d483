/** An MCP server over stdio whose one tool never answers. */
import { createInterface } from 'node:readline';

interface Request {
  readonly id?: number | string;
  readonly method: string;
  readonly params?: { readonly protocolVersion?: string };
}

const TOOL = { name: 'hang', description: 'Never answers.', inputSchema: { type: 'object' } };

function resultOf({ method, params }: Request): object | undefined {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'hang', version: '1.0.0' },
      };
    case 'tools/list':
      return { tools: [TOOL] };
    case 'ping':
      return {};
    default:
      return undefined;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request;
  const result = resultOf(request);
  if (request.id === undefined || result === undefined) continue;
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: request.id, result })}\n`);
}
