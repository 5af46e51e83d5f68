import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bodyFaults } from '../kit/origin/body-faults.ts'
import type { Exchange } from '../kit/origin/serve.ts'
import { toBodies } from '../kit/origin/spoil.ts'
import { multipartUploads, type MultipartUploads } from './open-uploads.ts'
import { eventually } from '../kit/eventually.ts'
import { startSite, type Site } from '../kit/worker/site.ts'
import { httpSource, s3Source, type Source } from '../kit/servers/sources.ts'

const MIB = 1024 * 1024
/** `KILL_COPIES=200` tries many more. */
const COPIES = Number(process.env['KILL_COPIES'] ?? 10)
const COPIES_A_LIFE = 5
/** Every object is a part of it. */
const BYTES = randomBytes(60 * MIB)

let source: Source
let folder: string
const sites: Site[] = []
const objects = new Map<string, Buffer>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fallback-storage-kill-'))
  source = await httpSource()
  for (let index = 0; index < COPIES; index++) {
    const offset = randomInt(10 * MIB)
    const body = BYTES.subarray(offset, offset + randomInt(5 * MIB, 50 * MIB))
    const name = `killed-${index}.bin`
    objects.set(name, body)
    await source.add(name, body)
    // Of unknown length: these are copied in parts.
    if (index % 3 === 2) await source.set(name, bodyFaults.chunked.fault)
  }
})
afterAll(async () => {
  await Promise.allSettled(sites.map((site) => site.close()))
  await source?.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

async function start(): Promise<Site> {
  const site = await startSite({
    storages: [{ type: 'r2', binding: 'MEDIA' }, source.table],
    persistTo: folder,
  })
  sites.push(site)
  return site
}

it(
  `leaves nothing half when it is killed in the middle of ${COPIES} copies, and finishes them later`,
  async () => {
    const names = [...objects.keys()]
    let killed = 0
    for (let first = 0; first < names.length; first += COPIES_A_LIFE) {
      const life = names.slice(first, first + COPIES_A_LIFE)
      const site = await start()
      const reads = life.map((name) => readOn(site, name))
      const unfinished = () => life.filter((name) => !site.copies(name).includes('copied')).length
      // On a fast machine, before the last one is copied.
      for (const end = Date.now() + randomInt(50, 5000); Date.now() < end && unfinished() > 1;)
        await sleep(10)
      killed += unfinished()
      process.kill(site.pid, 'SIGKILL')
      await Promise.all(reads)
      // The simulator would start it again by itself, in addition to the next one.
      await site.close()
    }
    expect(killed).toBeGreaterThan(0)
    const before = await multipartUploads(folder)

    const site = await start()
    for (const name of names) {
      const found = await site.bucket.head(name)
      if (found) expect([name, await isWhole(site, name)]).toEqual([name, true])
    }
    for (const name of names) await readOn(site, name)
    for (const name of names) {
      await eventually(
        () => `${name} in R2`,
        () => site.bucket.head(name),
        { patience: 60_000 },
      )
      expect([name, await isWhole(site, name)]).toEqual([name, true])
    }
    const left = await site.bucket.list({ prefix: '-/' })
    expect(left.objects.map(({ key }) => key)).toEqual([])
    await site.close()
    const after = await multipartUploads(folder)
    process.stdout.write(
      `${killed} of ${COPIES} copies killed; multipart uploads ${summaryOf(before)}, then ${summaryOf(after)}\n`,
    )
    // An upload that was killed before JobIndex recorded it has no parts yet.
    expect(after.openWithParts).toEqual([])
  },
  60_000 + COPIES * 20_000,
)

it('aborts the uploads of a killed copy in an S3 bucket', async () => {
  const primary = await s3Source({ name: 'primary', read_only: false })
  const body = BYTES.subarray(0, 20 * MIB)
  await source.add('parts.bin', body)
  // Sends neither a length nor an end: the copy is waiting for its third part when it is killed.
  const endless = ({ response }: Exchange): void => {
    response.writeHead(200, { 'Transfer-Encoding': 'chunked' })
    response.write(body.subarray(0, -1))
  }
  await source.set('parts.bin', toBodies(endless))
  const begin = async (): Promise<Site> => {
    const storages = [primary.table, source.table]
    const site = await startSite({ storages, vars: primary.secrets, persistTo: folder })
    sites.push(site)
    return site
  }
  try {
    const first = await begin()
    const reading = readOn(first, 'parts.bin')
    const staged = (wanted: string) => primary.requests('-/staged/').filter((method) => method === wanted)
    const stored = async () => staged('PUT').length
    const twoParts = async () => ((await stored()) === 2 ? true : null)
    await eventually(() => 'two parts', twoParts)
    process.kill(first.pid, 'SIGKILL')
    await reading
    await first.close()
    expect(staged('DELETE')).toEqual([])

    await source.set('parts.bin', bodyFaults.chunked.fault)
    const second = await begin()
    await readOn(second, 'parts.bin')
    await second.copied('parts.bin', 'copied')
    // The killed copy's upload and staged object, if any, and the other copy's staged object.
    expect(staged('DELETE')).toHaveLength(3)
  } finally {
    await Promise.allSettled(sites.map((site) => site.close()))
    await primary.close()
  }
})

function summaryOf({ ended, openWithParts, openAndEmpty }: MultipartUploads): string {
  return `${ended} ended, ${openWithParts.length} open with parts, ${openAndEmpty} open and empty`
}

/** Reads until the end, or until the Worker is killed. */
async function readOn(site: Site, name: string): Promise<void> {
  try {
    const client = await site.open(`/${name}`)
    client.resume()
    await once(client, 'close')
  } catch (error) {
    // The connection of a killed process.
    expect(error).toHaveProperty('code')
  }
}

/** Over HTTP, since the answer names the backend, and Miniflare's access to the bucket is slow. */
async function isWhole(site: Site, name: string): Promise<boolean> {
  const response = await site.fetch(`/${name}`)
  expect(response.headers.get('Cache-Status')).toBe('fallback-storage; hit; detail=media')
  return Buffer.from(await response.arrayBuffer()).equals(objects.get(name) ?? BYTES)
}
