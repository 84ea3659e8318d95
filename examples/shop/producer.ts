// Customers place orders: each is a row and an event in one transaction, and each third one fails.
import { setTimeout as wait } from 'node:timers/promises'
import { openShop, placeFromEnvironment } from './shop.ts'
import { report } from './report.ts'

const [name = 'p', transactions = '750'] = process.argv.slice(2)
const customers = Array.from({ length: 10 }, (_, index) => ({
  name: `${name}-${index}`,
  orders: 0,
}))

await using shop = await openShop(placeFromEnvironment())
for (let turn = 0; turn < Number(transactions); turn++) {
  const customer = customers[turn % customers.length]!
  const fails = turn % 3 === 2
  const order = { id: `${name}-${turn}`, customer: customer.name, number: customer.orders + 1 }
  await shop.placeOrder(order, fails)
  if (!fails) customer.orders += 1
  report(fails ? { rolledBack: 1 } : { sent: 1 })
  await wait(4)
}
process.disconnect?.()
