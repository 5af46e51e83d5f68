import type { Explanation, Finding } from '../../client/client.ts'
import type { Tone } from './badge.tsx'
import type { IconName } from './icons.ts'

interface Shown {
  word: string
  icon: IconName
  tone: Tone
}

const RESULTS: Readonly<Record<string, Shown>> = {
  hit: { word: 'has it', icon: 'circle-check', tone: 'good' },
  absent: { word: 'absent', icon: 'circle-dashed', tone: 'idle' },
  deleted: { word: 'deleted', icon: 'trash-2', tone: 'warn' },
  not_asked: { word: 'not tried', icon: 'circle-minus', tone: 'idle' },
}

/** What a backend said about a name, in a word. Any other result is the code of an error. */
export function showResult({ result }: Finding, { tombstone }: Pick<Explanation, 'tombstone'>): Shown {
  if (result === 'hit' && tombstone) return { word: 'hidden', icon: 'eye-off', tone: 'idle' }
  return RESULTS[result] ?? { word: result, icon: 'circle-x', tone: 'bad' }
}

const TYPES: Readonly<Record<string, string>> = { r2: 'R2', kv: 'KV', s3: 'S3', http: 'HTTP' }

export function showType(type: string): string {
  return TYPES[type] ?? type
}
