import { expect, it } from 'vitest'
import { ERROR_CODES } from '../../src/storage/errors.ts'
import { showResult } from '../../src/dashboard/parts/result.ts'

const backend = { name: 'legacy', type: 'http', accepts: true }
const word = (result: Parameters<typeof showResult>[0]['result'], isDeleted = false) =>
  showResult(
    { ...backend, result },
    { tombstone: isDeleted ? { backend: 'media', deleted_time: null } : null },
  ).word

it('says in a word what a backend said about a name', () => {
  expect((['hit', 'deleted', 'not_asked'] as const).map((result) => word(result))).toEqual([
    'has it',
    'deleted',
    'not tried',
  ])
  expect(word('hit', true)).toBe('hidden')
})

it('shows every failure as one', () => {
  for (const code of ERROR_CODES.filter((one) => one !== 'absent'))
    expect(showResult({ ...backend, result: code }, { tombstone: null })).toEqual({
      word: code,
      icon: 'circle-x',
      tone: 'bad',
    })
})
