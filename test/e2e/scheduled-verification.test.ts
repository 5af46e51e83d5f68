import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { eventually } from '../kit/eventually.ts'
import { startSite } from '../kit/worker/site.ts'

const STORAGES = [
  { type: 'r2', binding: 'MEDIA' },
  { type: 'kv', binding: 'MEDIA_KV', read_only: true },
]

type Verification = Record<string, unknown>

/** Flips bytes in the file in which the simulator keeps an object, as a disk would. */
async function damage(folder: string, text: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && path.includes('r2') && (await readFile(path, 'utf8')) === text)
      return writeFile(path, text.toUpperCase())
  }
  throw new Error(`no object has the text ${text}`)
}

it('is started by the cron trigger, and repairs a copy that has been damaged on disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'schedule-'))
  const site = await startSite({
    storages: STORAGES,
    vars: { FALLBACK_REPAIR: 'repair' },
    persistTo: folder,
  })
  try {
    const read = async (path: string) => (await (await site.call(path)).json()) as Verification
    for (const name of ['a.txt', 'b.txt']) {
      await site.namespace.put(name, `the text of ${name[0] ?? ''}`)
      await (await site.fetch(`/${name}`)).text()
      await site.copied(name)
    }
    await damage(folder, 'the text of b')
    expect(await (await site.fetch('/b.txt')).text()).toBe('THE TEXT OF B')

    await site.runSchedule()
    const job = await eventually(
      () => 'a completed verification',
      async () => {
        const [latest] = (await read('-/api/verifications'))['verifications'] as Verification[]
        return latest?.['state'] === 'completed' ? latest : null
      },
    )
    expect(job).toMatchObject({ started_by: 'schedule', equal: 2, damaged: 0, repaired: 1 })
    expect(await (await site.fetch('/b.txt')).text()).toBe('the text of b')
    const { differences } = await read(`-/api/verifications/${String(job['id'])}/differences?kind=repaired`)
    expect(differences).toMatchObject([
      { name: 'b.txt', detail: expect.stringContaining('copied again from media_kv') },
    ])
  } finally {
    await site.close()
    await rm(folder, { recursive: true, maxRetries: 3 })
  }
})
