import { ToolError, defineTool } from '@switchboard/agent';
import { z } from 'zod';

const orders = new Map([
  ['A-17', 'on its way, there on Friday'],
  ['A-18', 'in the warehouse'],
]);

/** A profile of the agents' file has it by its name. */
export const orderStatus = defineTool({
  name: 'order_status',
  description: 'Where an order is, by its number.',
  input: z.object({ order: z.string().max(20) }),
  sideEffects: false,
  run({ order }) {
    const status = orders.get(order);
    // The model reads this, and can ask for the right number.
    if (status === undefined) throw new ToolError(`There is no order ${order}.`);
    return status;
  },
});
