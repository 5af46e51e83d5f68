import { describe, expect, it, vi } from 'vitest'
import { type Chain, createChain } from '../../src/chain/fallback.ts'
import { copyName } from '../../src/migration/copy-name.ts'
import type { ShadowRead } from '../../src/observe/tally.ts'
import { type AfterHitOptions, createAfterHit, withAfterHit } from '../../src/sources/after-hit.ts'
import type { SourceMessage } from '../../src/sources/messages.ts'
import { createReconciler } from '../../src/sources/reconciler.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { asR2, memoryBackend } from '../kit/memory.ts'

const SECONDS = 60

type Settings = Partial<Pick<AfterHitOptions, 'revalidateSeconds' | 'shadowPercent' | 'send'>>

/** A chain whose reads are followed by comparisons, on a clock that tests set. */
async function start(settings: Settings = { revalidateSeconds: { old: SECONDS } }) {
  const primary = memoryBackend('new')
  const old = memoryBackend('old')
  const { put: _, delete: __, createMultipartUpload: ___, ...readable } = old
  /** What the source's HEAD waits for. */
  let opened: Promise<void> = Promise.resolve()
  let fail = false
  const heads: string[] = []
  const source: Backend = {
    ...readable,
    async head(name, options) {
      heads.push(name)
      await opened
      if (fail) throw new StorageError('unavailable', 'down')
      return readable.head(name, options)
    },
  }
  const over = (...backends: Backend[]) => createChain(backends, { deletes: 'tombstone' })
  const chain = over(primary, source)
  const begun: Promise<unknown>[] = []
  const shadows: ShadowRead[] = []
  const purged: string[] = []
  let at = Date.now()
  const reads = (from: Chain) => {
    const afterHit = createAfterHit({
      chain: from,
      revalidateSeconds: {},
      shadowPercent: 0,
      onShadow: (shadow) => shadows.push(shadow),
      reconcile: createReconciler({
        chain: from,
        migrating: true,
        purge: async (name) => void purged.push(name),
        track: (_name, copy) => copy,
      }),
      keepAlive: (work) => begun.push(work),
      now: () => at,
      random: () => 0.5,
      ...settings,
    })
    const reading = withAfterHit(from, afterHit)
    return {
      read: (name = 'a') => reading.get(name).then(textOf),
      head: () => reading.head('a'),
    }
  }
  const change = (text: string, name = 'a') => old.put(name, bytesOf(text))
  await change('one')
  await copyName(chain, 'a')
  heads.length = 0
  return {
    primary,
    old,
    heads,
    shadows,
    purged,
    change,
    ...reads(chain),
    /** Reads of another chain, with these before and behind. */
    readOver: (first: Backend, ...behind: Backend[]) => reads(over(first, primary, source, ...behind)),
    copy: (name: string) => copyName(chain, name),
    copyOver: (first: Backend, name: string) => copyName(over(first, source), name),
    begun: () => begun.length,
    settle: () => Promise.all(begun),
    pass: (seconds: number) => void (at += seconds * 1000),
    setFailing: (isFailing: boolean) => void (fail = isFailing),
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      opened = promise
      return resolve
    },
  }
}

describe('revalidate_seconds', () => {
  it('serves an outdated copy at once, and the next read gets what the source has', async () => {
    const { read, change, pass, settle, purged } = await start()
    await change('two')
    expect(await read()).toBe('one')
    await settle()
    expect(await read()).toBe('one')
    pass(SECONDS + 1)
    expect(await read()).toBe('one')
    await settle()
    expect(await read()).toBe('two')
    expect(purged).toEqual(['a'])
  })

  it.each(['read', 'head'] as const)(
    'compares once in that time after a %s, and writes nothing',
    async (way) => {
      const started = await start()
      const { heads, pass, settle, primary } = started
      const before = primary.objects.get('a')
      for (const seconds of [SECONDS + 1, 1, SECONDS - 2, 2]) {
        pass(seconds)
        await started[way]()
        await settle()
      }
      expect(heads).toEqual(['a', 'a'])
      expect(primary.objects.get('a')).toBe(before)
    },
  )

  it('hides a copy whose source is gone', async () => {
    const { read, old, pass, settle } = await start()
    await old.delete('a')
    pass(SECONDS + 1)
    expect(await read()).toBe('one')
    await settle()
    expect(await read()).toBeNull()
  })

  it('keeps a copy that was read under an equivalent name, as R2 finds it, while the source has the other', async () => {
    const decomposed = 'e\u0301'
    const { readOver, change, copyOver, pass, settle, old, shadows } = await start({
      revalidateSeconds: { old: SECONDS },
      shadowPercent: 100,
    })
    const r2 = asR2(memoryBackend('r2'))
    await change('one', decomposed)
    await copyOver(r2, decomposed)
    const { read } = readOver(r2)
    for (const now of ['one', 'two']) {
      await change(now, decomposed)
      pass(SECONDS + 1)
      await read('é')
      await settle()
      expect(await read('é')).toBe(now)
      await settle()
    }
    expect(shadows[0]).toMatchObject({ name: 'é', matched: true })
    await old.delete(decomposed)
    pass(SECONDS + 1)
    await read('é')
    await settle()
    expect(await read('é')).toBeNull()
  })

  it('never compares what was saved, or copied from a backend without it', async () => {
    const saved = await start()
    await saved.primary.put('a', bytesOf('saved'))
    const other = await start({ revalidateSeconds: { other: 1 } })
    for (const { pass, read, begun } of [saved, other]) {
      pass(SECONDS * 1000)
      await read()
      expect(begun()).toBe(0)
    }
  })

  it('compares a copy in any backend before its source, and nothing that is behind it', async () => {
    const { primary, old, heads, pass, settle, change, readOver } = await start()
    const first = memoryBackend('first')
    const behind = readOver(first)
    await change('two')
    pass(SECONDS + 1)
    expect(await behind.read()).toBe('one')
    await settle()
    expect(await behind.read()).toBe('two')
    heads.length = 0
    // A copy that has become a fallback of its own source.
    await primary.delete('a')
    await old.delete('a')
    const last = memoryBackend('last')
    const provenance = { backend: 'old', copied: new Date(0) }
    await last.put('a', bytesOf('copy'), { info: { provenance } })
    expect(await readOver(first, last).read()).toBe('copy')
    await settle()
    expect(heads).toEqual([])
  })

  it('waits for nothing: reads go on while a source does not answer, one comparison of a name and four in all', async () => {
    const { read, change, copy, pass, hold, settle, heads, begun } = await start()
    const names = ['b', 'c', 'd', 'e', 'f']
    for (const name of names) {
      await change(name, name)
      await copy(name)
    }
    heads.length = 0
    pass(SECONDS + 1)
    const release = hold()
    for (const name of ['a', ...names, 'a']) expect(await read(name)).not.toBeNull()
    expect([begun(), heads]).toEqual([4, ['a', 'b', 'c', 'd']])
    release()
    await settle()
    expect(await read('f')).toBe('f')
    expect(begun()).toBe(5)
  })

  it('changes nothing if the source fails, and tries again after a minute', async () => {
    const { read, change, pass, settle, setFailing, heads } = await start({
      revalidateSeconds: { old: 3600 },
    })
    await change('two')
    setFailing(true)
    pass(3601)
    await read()
    await settle()
    expect(await read()).toBe('one')
    expect(heads).toHaveLength(1)
    setFailing(false)
    pass(61)
    await read()
    await settle()
    expect(await read()).toBe('two')
  })

  it('logs a failure once, whether the comparison fails or what follows it', async () => {
    const { read, change, pass, settle, setFailing, primary, readOver } = await start()
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await change('two')
    const put = async () => Promise.reject(new StorageError('unavailable', 'down'))
    pass(SECONDS + 1)
    await readOver({ ...primary, put }).read()
    await settle()
    setFailing(true)
    await read()
    await settle()
    const events = warn.mock.calls.map(([line]) => (JSON.parse(String(line)) as { event: string }).event)
    warn.mockRestore()
    expect(events).toEqual(['source', 'revalidation'])
  })

  it('queues an outdated copy where a queue is bound, and nothing else', async () => {
    const sent: SourceMessage[] = []
    const send = async (message: SourceMessage) => sent.push(message)
    const { read, change, pass, settle } = await start({ revalidateSeconds: { old: SECONDS }, send })
    pass(SECONDS + 1)
    await read()
    await settle()
    expect(sent).toEqual([])
    await change('two')
    pass(SECONDS + 1)
    for (let reads = 0; reads < 3; reads++) {
      expect(await read()).toBe('one')
      await settle()
    }
    expect(sent).toEqual([{ type: 'source', backend: 'old', name: 'a' }])
  })
})

describe('shadow reads', () => {
  it('compares that share of all hits, and changes nothing', async () => {
    const none = await start({ shadowPercent: 50 })
    await none.read()
    expect(none.begun()).toBe(0)

    const { read, change, settle, shadows, primary, old } = await start({ shadowPercent: 51 })
    const before = primary.objects.get('a')
    const reads = async () => {
      await read()
      await settle()
    }
    await reads()
    await change('three')
    await reads()
    await old.delete('a')
    await reads()
    expect(shadows).toEqual([
      { backend: 'old', name: 'a', matched: true, detail: '' },
      {
        backend: 'old',
        name: 'a',
        matched: false,
        detail: expect.stringContaining('the copy was made from'),
      },
      { backend: 'old', name: 'a', matched: false, detail: 'old does not have it any more' },
    ])
    expect(primary.objects.get('a')).toBe(before)
  })

  it('finds bytes that are not those of the same version', async () => {
    const { read, settle, shadows, primary } = await start({ shadowPercent: 100 })
    const { provenance } = (await primary.head('a')) ?? {}
    await primary.put('a', bytesOf('ONE'), { info: { ...(provenance && { provenance }) } })
    await read()
    await settle()
    expect(shadows).toMatchObject([{ matched: false, detail: 'sha256 differs' }])
  })

  it('counts nothing if the source tells neither version nor digest, unless the sizes differ', async () => {
    const { read, settle, shadows, change, old } = await start({ shadowPercent: 100 })
    for (const text of ['ONE', 'three']) {
      await change(text)
      const stored = old.objects.get('a')
      const { name, backend, size } = stored?.info ?? { name: 'a', backend: 'old' }
      if (stored) stored.info = { name, backend, ...(size !== undefined && { size }) }
      await read()
      await settle()
    }
    expect(shadows).toMatchObject([{ matched: false, detail: '3 bytes in new, 5 in old' }])
  })

  it('counts nothing if the source fails', async () => {
    const { read, settle, shadows, setFailing } = await start({ shadowPercent: 100 })
    setFailing(true)
    await read()
    await settle()
    expect(shadows).toEqual([])
  })
})
