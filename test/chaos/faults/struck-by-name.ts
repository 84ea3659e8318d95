import type { Fault, Struck } from './fault.ts'

/** Strikes the one fault of a name, in the middle of what it draws. Ends with its scope. */
export async function strike(
  faults: readonly Fault[],
  name: string,
  random = 0.5,
): Promise<Struck & AsyncDisposable> {
  const fault = faults.find((one) => one.name === name)
  if (!fault) throw new Error(`no fault is called ${name}: ${faults.map((one) => one.name).join()}`)
  const struck = await fault.strike(() => random)
  return Object.assign(struck, { [Symbol.asyncDispose]: () => struck.heal() })
}

/** Says whether something is still open after so many milliseconds. */
export async function isOpenAfter(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const settled = promise.then(
    () => false,
    () => false,
  )
  return Promise.race([settled, new Promise<boolean>((resolve) => setTimeout(resolve, ms, true))])
}

/** How many milliseconds something took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now()
  await work()
  return performance.now() - before
}
