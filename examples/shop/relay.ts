// Publishes what was committed. The demo runs two of these, and kills the one that works.
import { once } from 'node:events'
import { report } from './report.ts'
import { openShop, placeFromEnvironment } from './shop.ts'

await using shop = await openShop(placeFromEnvironment())
// A relay that is silent for 2 s is dead here; the default is 15 s.
await using relay = await shop.bus.startRelay({ ttlMs: 2000 })
report({ ready: true })
const telling = setInterval(() => report({ lanes: relay.status.lanes.length }), 50)
await once(process, 'disconnect')
clearInterval(telling)
