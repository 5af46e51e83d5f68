import { describe, expect, it } from 'vitest'
import type { Explanation, ListedObject } from '../../src/client/client.ts'
import {
  curlCommand,
  currentStep,
  describeCacheStatus,
  findPicture,
} from '../../src/dashboard/views/welcome/tour-state.ts'

function listed(name: string, backend: string, size: number | null = 100): ListedObject {
  return { name, backend, size, etag: null, modified_time: null }
}

describe('the picture of the tour', () => {
  it('is the first one that a fallback would serve', () => {
    const objects = [
      listed('a.txt', 'legacy'),
      listed('b.jpg', 'media'),
      listed('big.png', 'legacy', 50_000_000),
      listed('c.JPG', 'legacy', null),
      listed('d.png', 'legacy'),
    ]
    expect(findPicture(objects, ['media'])).toBe('c.JPG')
    expect(findPicture(objects, [])).toBe('b.jpg')
  })

  it('is none if everything has moved', () => {
    expect(findPicture([listed('b.jpg', 'media')], ['media'])).toBeUndefined()
  })
})

describe('the step of the tour', () => {
  const explanation = (
    state: Explanation['migration']['state'],
    tombstone: Explanation['tombstone'] = null,
  ): Explanation => ({
    name: 'a.jpg',
    would_serve: 'media',
    tombstone,
    migration: { enabled: true, state, target: 'media', reason: '' },
    backends: [],
  })
  const nothing = { repeated: false, undeleted: false }

  it('follows from where the object is', () => {
    expect(currentStep(explanation('pending'), nothing)).toBe('request')
    expect(currentStep(explanation('not_migrating'), nothing)).toBe('request')
    expect(currentStep(explanation('present'), nothing)).toBe('repeat')
    expect(currentStep(explanation('present'), { ...nothing, repeated: true })).toBe('delete')
    const deleted = explanation('deleted', { backend: 'media', deleted_time: null })
    expect(currentStep(deleted, nothing)).toBe('delete')
  })

  it('is the last one after the undelete, although the object has to move again', () => {
    expect(currentStep(explanation('pending'), { repeated: true, undeleted: true })).toBe('all')
  })
})

describe('a Cache-Status in words', () => {
  it.each([
    ['fallback-storage; hit; detail=media', 'media had it.'],
    ['fallback-storage; fwd=uri-miss; detail=legacy', 'legacy had it.'],
    ['fallback-storage; fwd=uri-miss; stored; detail=legacy', 'legacy had it, and a copy has begun.'],
    ['fallback-storage-edge; hit; ttl=30', 'The edge cache had it, and no backend was tried.'],
  ])('%s', (field, words) => {
    expect(describeCacheStatus(field)).toBe(words)
  })
})

describe('a curl command', () => {
  it('is safe to paste, whatever the name', () => {
    expect(curlCommand("https://m.example/it's.jpg")).toBe(
      "curl -sD- -o /dev/null 'https://m.example/it%27s.jpg'",
    )
  })

  it('never contains a token', () => {
    expect(curlCommand('https://m.example/x', { method: 'POST', json: { dry_run: true } })).toBe(
      `curl -X POST -H "Authorization: Bearer $TOKEN" --json '{"dry_run":true}' 'https://m.example/x'`,
    )
  })
})
