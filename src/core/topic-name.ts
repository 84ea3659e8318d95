const MOST_CHARACTERS = 249

/**
 * Why Kafka can't take a topic of this name, or `null`: up to 249 characters of `[a-zA-Z0-9._-]`,
 * and neither `.` nor `..` (`org.apache.kafka.common.internals.Topic`). The rule everywhere, so
 * that what works with one broker works with another.
 */
export function topicNameProblem(topic: string): string | null {
  if (topic === '') return 'a topic needs a name'
  if (topic === '.' || topic === '..') return `a topic can not be called '${topic}'`
  if (topic.length > MOST_CHARACTERS)
    return `a topic's name has at most ${MOST_CHARACTERS} characters, this has ${topic.length}`
  if (!/^[a-zA-Z0-9._-]+$/.test(topic))
    return `a topic's name has only letters, digits, '.', '_' and '-': ${JSON.stringify(topic)}`
  return null
}
