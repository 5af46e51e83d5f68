/** Polls until it finds something, for `patience` milliseconds; then fails with what it waited for. */
export async function eventually<Found>(
  what: () => string,
  look: () => Promise<Found | null>,
  { patience = 30_000, interval = 30 }: { patience?: number; interval?: number } = {},
): Promise<Found> {
  const until = Date.now() + patience
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (Date.now() > until) throw new Error(`not within ${patience} ms: ${what()}`)
    await new Promise((resolve) => setTimeout(resolve, interval))
  }
}
