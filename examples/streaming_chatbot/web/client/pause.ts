/** Wait between two attempts; the wait ends early when the browser is online again. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = new AbortController()
    const timer = setTimeout(() => finish(resolve), milliseconds)
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      end.abort()
      settle()
    }
    if (signal.aborted) return finish(() => reject(signal.reason))
    signal.addEventListener("abort", () => finish(() => reject(signal.reason)), { signal: end.signal })
    if ("addEventListener" in globalThis) {
      globalThis.addEventListener("online", () => finish(resolve), { signal: end.signal })
    }
  })
}

/** Return the wait before an attempt: exponential backoff with a limit, and jitter of up to half of it. */
export function backOff(failures: number, base: number, limit: number): number {
  const most = Math.min(limit, base * 2 ** Math.min(failures, 30))
  return most * (1 - Math.random() / 2)
}
