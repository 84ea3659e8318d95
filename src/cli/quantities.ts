/** Counts, sizes and times as people read them. */

export function countText(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** One decimal where the number is small enough for it to say something. */
export function rateText(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : countText(perSecond)
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  while (value >= 1024 && units.length > 1) {
    value /= 1024
    units.shift()
  }
  return `${units[0] === 'B' ? value : value.toFixed(1)} ${units[0]}`
}

export function durationText(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
  const hours = Math.floor(seconds / 3600)
  return hours < 48
    ? `${hours} h ${Math.floor((seconds % 3600) / 60)} min`
    : `${Math.floor(hours / 24)} d`
}

/** Today's times without the date. UTC, as the rest of the output. */
export function timeText(time: Date, now: Date = new Date()): string {
  const [day, rest] = [time.toISOString().slice(0, 10), time.toISOString().slice(11, 19)]
  return day === now.toISOString().slice(0, 10) ? `${rest}Z` : `${day} ${rest}Z`
}

export function sinceText(time: Date, now: Date = new Date()): string {
  return `since ${timeText(time, now)} (${durationText(Math.max(0, now.getTime() - time.getTime()))})`
}
