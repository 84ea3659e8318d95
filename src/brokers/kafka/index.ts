export { kafka } from './kafka-broker.ts'
export type { KafkaOptions, KafkaSasl } from './kafka-options.ts'
