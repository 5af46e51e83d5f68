import { describe, expect, it } from 'vitest'
import type { Explanation, Finding } from '../../src/client/client.ts'
import { differences } from '../../src/dashboard/compare.ts'

const COPIED = '2026-11-01T00:00:00.000Z'

function finding(name: string, facts: Partial<Finding> = {}): Finding {
  return { name, type: 'r2', accepts: true, result: 'hit', size: 10, content_type: 'image/png', ...facts }
}

function explanation(backends: Finding[], target: string | null = 'media'): Explanation {
  return {
    name: 'a.png',
    would_serve: backends.find(({ result }) => result === 'hit')?.name ?? null,
    tombstone: null,
    migration: { enabled: true, state: 'present', target, reason: '' },
    backends,
  }
}

const copyOf = (etag: string | null) => ({
  provenance: { backend: 'legacy', etag, modified_time: null, copied_time: COPIED },
})

describe('differences between backends', () => {
  it('are those from the object that would be served', () => {
    const backends = [
      finding('media'),
      finding('kv', { result: 'absent' }),
      finding('legacy', { size: 11, content_type: 'image/jpeg' }),
    ]
    expect([...differences(explanation(backends))]).toEqual([['legacy', ['size', 'content_type']]])
  })

  it('are none where a backend does not know', () => {
    const { size: _, content_type: __, ...unknown } = finding('legacy')
    expect(differences(explanation([finding('media'), unknown])).size).toBe(0)
  })

  it('ignore that backends make ETags of their own', () => {
    const backends = [finding('media', { etag: '"md5"' }), finding('legacy', { etag: '"time-size"' })]
    expect(differences(explanation(backends)).size).toBe(0)
  })

  it('include a source that has changed since the copy', () => {
    const copied = (source: Finding) =>
      differences(explanation([finding('media', { etag: '"md5"', ...copyOf('"1"') }), source]))
    expect(copied(finding('legacy', { etag: '"1"' })).size).toBe(0)
    expect([...copied(finding('legacy', { etag: '"2"' }))]).toEqual([['legacy', ['etag']]])
    expect(copied(finding('other', { etag: '"2"' })).size).toBe(0)
  })
})
