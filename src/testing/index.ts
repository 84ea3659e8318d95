export { brokerContract, registerBrokerContract, type BrokerHarness } from './broker-contract.ts'
export type { ContractCase } from './contract-case.ts'
export { inboxContract, registerInboxContract, type InboxHarness } from './inbox-contract/index.ts'
export {
  outboxOperationsContract,
  registerOutboxOperationsContract,
} from './outbox-operations-contract.ts'
export {
  outboxStoreContract,
  registerOutboxStoreContract,
  type StoreHarness,
} from './outbox-store-contract.ts'
