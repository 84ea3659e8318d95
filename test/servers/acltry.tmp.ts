import { startKafka, createTopic, grant, revoke, readTopic, kafkaTool, appUser } from './index.ts'
import { Producer } from '@platformatic/kafka'
const t = async <T>(l: string, f: () => Promise<T>) => { const s = performance.now(); const r = await f(); console.log(l, Math.round(performance.now() - s)); return r }
await using k = await t('start', () => startKafka({ authorizer: true }))
await t('topic', () => createTopic(k, 'a'))
const send = async (user: typeof appUser) => { const p = new Producer({ clientId: 'x', bootstrapBrokers: [k.address], autocreateTopics: false, retries: 1, idempotent: true, sasl: { mechanism: 'PLAIN', ...user } });
 try { const r = await p.send({ messages: [{ topic: 'a', value: Buffer.from('x') }], acks: -1 }); return JSON.stringify(r.offsets, (_, v) => typeof v === 'bigint' ? String(v) : v) + ' pid ' + (p as any).producerId } catch (e) { return String((e as Error).message) + ((e as any).errors ?? []).map((x: any) => x.message + ' ' + (x.errors?.map((y: any) => y.message + y.apiId) ?? '')) } finally { await p.close() } }
console.log(await send(appUser))
await t('grant', () => grant(k, { resource: 'topic', name: 'a', operations: ['WRITE', 'DESCRIBE'] }))
console.log(await send(appUser))
await revoke(k, { resource: 'topic', name: 'a', operations: ['WRITE', 'DESCRIBE'] })
console.log(await send(appUser))
console.log(await send({ username: 'app', password: 'wrong' }))
console.log((await readTopic(k, 'a')).length)
console.log(await kafkaTool('acls', ['--bootstrap-server', k.admin.address, '--list']))
console.log(await kafkaTool('configs', ['--bootstrap-server', k.admin.address, '--entity-type', 'topics', '--entity-name', 'a', '--alter', '--add-config', 'max.message.bytes=1000']))
console.log(await kafkaTool('consoleConsumer', ['--bootstrap-server', k.admin.address, '--topic', 'a', '--from-beginning', '--max-messages', '1', '--formatter-property', 'print.offset=true', '--isolation-level','read_committed']))
console.log((await readTopic(k, 'nope', {timeoutMs: 2000}).catch(e => e.message)))
console.log((await readTopic(k, 'a', {timeoutMs: 500, atLeast: 5}).catch(e => e.message)))
