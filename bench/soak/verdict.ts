import pLimit from 'p-limit'
import { askedName, type Ledger, wholeVersion } from './ledger.ts'
import type { SoakSite } from './site.ts'
import { mayBeMarker } from '../../src/storage/tombstone-marker.ts'
import { primaryFailed } from './traffic.ts'
import { TOKEN, type Site } from '../../test/kit/worker/site.ts'

const TRIES = 20

/** With all backends healthy again: nothing acknowledged is lost, and nothing is stored that nobody wrote. */
export async function judge(
  { worker }: SoakSite,
  ledger: Ledger,
): Promise<{ objects: number; tombstones: number }> {
  const limit = pLimit(8)
  await Promise.all(ledger.names().map((name) => limit(() => judgeRead(worker.url, name, ledger))))
  let objects = 0
  let tombstones = 0
  let cursor: string | undefined
  do {
    const page = await worker.bucket.list({
      include: ['customMetadata'],
      ...(cursor !== undefined && { cursor }),
    })
    // What the Worker keeps for itself; a kill may leave it.
    const stored = page.objects.filter(({ key }) => !key.startsWith('-/'))
    for (const { key, customMetadata } of stored) {
      const isTombstone = customMetadata?.['fallback-storage-deleted'] !== undefined
      if (isTombstone) tombstones += 1
      else objects += 1
      if (isTombstone && !ledger.of(key).all().has(null))
        ledger.violate(`${key} has a tombstone, and nobody deleted it`)
    }
    const keys = stored.map(({ key }) => key)
    await Promise.all(keys.map((key) => limit(() => judgeStored(worker.bucket, key, ledger))))
    cursor = page.truncated ? page.cursor : undefined
  } while (cursor !== undefined)
  return { objects, tombstones }
}

async function judgeRead(url: string, name: string, ledger: Ledger): Promise<void> {
  const start = ledger.clock()
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
    return ledger.check(name, found, { start, failing: false, by: 'at the end' })
  }
  ledger.violate(`${name} cannot be read at the end: ${last}`)
}

/** What a save that failed half-way chose for itself is known by its asked name. */
async function judgeStored(bucket: Site['bucket'], key: string, ledger: Ledger): Promise<void> {
  const stored = await bucket.get(key)
  if (!stored) return ledger.violate(`${key} is listed and not there`)
  const body = Buffer.from(await stored.arrayBuffer())
  if (stored.customMetadata?.['fallback-storage-deleted'] !== undefined && mayBeMarker(body.length)) return
  const version = wholeVersion(body)
  const versions = [key, askedName(key)].flatMap((name) => [...ledger.of(name).all()])
  if (!versions.includes(version)) ledger.violate(`${key} holds ${version}, which nobody wrote there`)
}
