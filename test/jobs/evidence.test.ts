import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import { createChain } from '../../src/chain/fallback.ts'
import { gatherEvidence } from '../../src/jobs/verification/evidence.ts'
import { versionOf } from '../../src/sources/conflicts.ts'
import { openSourceChanges } from '../../src/sources/source-changes.ts'
import { bytesOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'

afterEach(() => reset())

/** A conflict of each name, in this order. */
async function conflicting(names: readonly string[]) {
  const primary = memoryBackend('new')
  const { put: _, delete: __, createMultipartUpload: ___, ...source } = memoryBackend('old')
  const chain = createChain([primary, source], { deletes: 'tombstone' })
  const changes = openSourceChanges(env.SOURCE_CHANGES)
  if (!changes) throw new Error('SOURCE_CHANGES is not bound')
  for (const [index, name] of names.entries()) {
    const held = await primary.put(name, bytesOf('saved'))
    if (!held) throw new Error('it was not stored')
    const found = { etag: '"of the source"', modified: null, size: 1 }
    const conflict = { backend: 'old', name, detail: '', held: versionOf(held), found, at: index + 1 }
    await changes().addConflict(conflict)
  }
  const evidenceOver = async (copyChain = chain) => {
    const deployment = { copyChain, sources: { changes } } as unknown as Parameters<typeof gatherEvidence>[0]
    return (await gatherEvidence(deployment, 0)).sources
  }
  return { primary, source, changes, evidenceOver }
}

describe('the conflicts that a certificate rests on', () => {
  it('are no longer those that resolved themselves', async () => {
    const { primary, evidenceOver, changes } = await conflicting(['open', 'deleted', 'gone'])
    expect(await evidenceOver()).toMatchObject({ conflicts: 3, lastConflict: 3 })
    await primary.put('deleted', bytesOf(''), { info: { deleted: new Date() } })
    await primary.delete('gone')
    expect(await evidenceOver()).toMatchObject({ conflicts: 1, lastConflict: 1 })
    expect(await changes().conflicts(10)).toMatchObject({ conflicts: [{ name: 'open' }], total: 1 })
    await primary.delete('open')
    expect(await evidenceOver()).toMatchObject({ conflicts: 0, lastConflict: null })
  })

  it('stay if they cannot be looked at', async () => {
    const { primary, source, evidenceOver } = await conflicting(['a', 'b'])
    const failing = { ...primary, head: () => Promise.reject(new Error('does not answer')) }
    expect(await evidenceOver(createChain([failing, source], { deletes: 'tombstone' }))).toMatchObject({
      conflicts: 2,
      lastConflict: 2,
    })
  })

  it('may be more than it looks at: the next may be as recent as the last of those', async () => {
    const names = Array.from({ length: 52 }, (_, index) => `n${index}`)
    const { primary, evidenceOver } = await conflicting(names)
    for (const name of names) await primary.delete(name)
    expect(await evidenceOver()).toMatchObject({ conflicts: 2, lastConflict: 3 })
    expect(await evidenceOver()).toMatchObject({ conflicts: 0, lastConflict: null })
  })
})
