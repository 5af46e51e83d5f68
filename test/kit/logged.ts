import { vi } from 'vitest'

/** The log's lines about the requests of `work`. */
export async function logged(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = []
  const note = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>)
  const spies = [
    vi.spyOn(console, 'info').mockImplementation(note),
    vi.spyOn(console, 'error').mockImplementation(note),
  ]
  try {
    await work()
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  return lines.filter(({ event }) => event === 'request')
}
