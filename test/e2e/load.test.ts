import { createHash, randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { dropEvery } from '../kit/origin/spoil.ts'
import { bytesOf, withS3Primary } from './each-source.ts'
import { slowly } from '../kit/worker/memory-bodies.ts'

const MIB = 1024 * 1024
/** The memory limit of an isolate (Workers limits). */
const ISOLATE_BYTES = 128e6
const CLIENTS = 40

// The local R2 would compete for the Worker's thread.
const the = withS3Primary({ inspected: true })

it(
  `serves ${CLIENTS} slow clients of as many cold objects of 15 MB at once, and copies them all`,
  async () => {
    const { site, source } = the
    const bodies = Array.from({ length: CLIENTS }, () => randomBytes(15 * MIB))
    const names = bodies.map((_, index) => `slow-${index}.bin`)
    for (const [index, name] of names.entries()) await source.add(name, bodies[index] ?? Buffer.alloc(0))
    const isolate = await site.watchIsolate()
    const clients = await Promise.all(names.map((name) => site.open(`/${name}`)))
    const read = await Promise.all(clients.map((client) => slowly(client, MIB)))
    expect(read).toEqual(bodies.map(digest))
    for (const name of names) await site.copied(name, 'copied', 120_000)
    await isolate.stop()
    for (const [index, name] of names.entries())
      expect(await hit(name)).toBe(digest(bodies[index] ?? Buffer.alloc(0)))
    for (const name of names) expect(site.copies(name)).toEqual(['copied'])
    const { heap, buffers } = isolate.peak
    const memory = `V8 heap ${megabytes(heap)} MB, buffers ${megabytes(buffers)} MB`
    process.stdout.write(`${CLIENTS} slow clients: the isolate held at most ${memory}\n`)
    expect(heap + buffers).toBeLessThan(ISOLATE_BYTES)
  },
  60_000 + CLIENTS * 10_000,
)

it('completes a download of 50 MB from a backend that fails three times', async () => {
  const { site, source } = the
  const body = randomBytes(50 * MIB)
  await source.add('interrupted.bin', body)
  await source.set('interrupted.bin', dropEvery(14 * MIB))
  const read = await bytesOf(site.fetch('/interrupted.bin'))
  expect(digest(read)).toBe(digest(body))
  await site.copied('interrupted.bin', 'copied')
  expect(await hit('interrupted.bin')).toBe(digest(body))
}, 120_000)

/** The SHA-256 of the object in the primary. */
async function hit(name: string): Promise<string> {
  const response = await the.site.fetch(`/${name}`)
  expect(response.headers.get('Cache-Status')).toBe('fallback-storage; hit; detail=primary')
  return digest(await bytesOf(response))
}

function digest(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
