// Sends the bills: handles each event once its order has committed.
import { once } from 'node:events'
import type { Order } from './shop.ts'
import { openShop, placeFromEnvironment } from './shop.ts'
import { report } from './report.ts'

await using shop = await openShop(placeFromEnvironment())
const stop = new AbortController()
void once(process, 'disconnect').then(() => stop.abort())
report({ ready: true })
for await (const event of shop.bus.stream('orders', { group: 'billing', signal: stop.signal })) {
  report({ handled: event.json<Order>() })
}
