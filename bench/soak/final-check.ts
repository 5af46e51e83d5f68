import pLimit from 'p-limit'
import { requestedName, type SoakRecord, wholeVersion } from './record.ts'
import type { SoakSite } from './site.ts'
import { mayBeMarker } from '../../src/storage/tombstone-marker.ts'
import { primaryFailed } from './traffic.ts'
import { TOKEN, type Site } from '../../test/kit/worker/site.ts'

const TRIES = 20

/** Checks, with all backends healthy again, that nothing acknowledged is lost and nothing else is stored. */
export async function finalCheck(
  { worker }: SoakSite,
  record: SoakRecord,
): Promise<{ objects: number; tombstones: number }> {
  const limit = pLimit(8)
  await Promise.all(record.names().map((name) => limit(() => checkRead(worker.url, name, record))))
  let objects = 0
  let tombstones = 0
  let cursor: string | undefined
  do {
    const page = await worker.bucket.list({
      include: ['customMetadata'],
      ...(cursor !== undefined && { cursor }),
    })
    // Internal objects of the Worker, which a kill may leave behind.
    const stored = page.objects.filter(({ key }) => !key.startsWith('-/'))
    for (const { key, customMetadata } of stored) {
      const isTombstone = customMetadata?.['fallback-storage-deleted'] !== undefined
      if (isTombstone) tombstones += 1
      else objects += 1
      if (isTombstone && !record.of(key).all().has(null))
        record.violate(`${key} has a tombstone, and was never deleted`)
    }
    const keys = stored.map(({ key }) => key)
    await Promise.all(keys.map((key) => limit(() => checkStored(worker.bucket, key, record))))
    cursor = page.truncated ? page.cursor : undefined
  } while (cursor !== undefined)
  return { objects, tombstones }
}

async function checkRead(url: string, name: string, record: SoakRecord): Promise<void> {
  const start = record.clock()
  let last = ''
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const response = await fetch(url + name, { headers: { Authorization: `Bearer ${TOKEN}` } })
    const body = await response.arrayBuffer().catch(() => null)
    last = `${response.status}`
    if (body === null || response.status >= 500 || primaryFailed(response)) {
      // The breaker may still be open.
      await new Promise((resolve) => setTimeout(resolve, 500))
      continue
    }
    const found = response.status === 404 ? null : wholeVersion(Buffer.from(body))
    return record.check(name, found, { start, failing: false, by: 'at the end' })
  }
  record.violate(`${name} cannot be read at the end: ${last}`)
}

/** A save that failed half-way may have stored under another name: its history is that of the requested name. */
async function checkStored(bucket: Site['bucket'], key: string, record: SoakRecord): Promise<void> {
  const stored = await bucket.get(key)
  if (!stored) return record.violate(`${key} is listed and not there`)
  const body = Buffer.from(await stored.arrayBuffer())
  if (stored.customMetadata?.['fallback-storage-deleted'] !== undefined && mayBeMarker(body.length)) return
  const version = wholeVersion(body)
  const versions = [key, requestedName(key)].flatMap((name) => [...record.of(name).all()])
  if (!versions.includes(version)) record.violate(`${key} holds ${version}, which was never written there`)
}
