export { brokerContract, registerBrokerContract, type BrokerHarness } from './broker-contract.ts'
export type { ContractCase } from './contract-case.ts'
