import type { Explanation, Finding } from '../../client/client.ts'
import type { BadgeState } from './badge.tsx'

const RESULTS: Readonly<Record<string, BadgeState>> = {
  hit: { word: 'has it', icon: 'circle-check', tone: 'good' },
  absent: { word: 'absent', icon: 'circle-dashed', tone: 'idle' },
  deleted: { word: 'deleted', icon: 'trash-2', tone: 'warn' },
  not_asked: { word: 'not tried', icon: 'circle-minus', tone: 'idle' },
}

/** What a backend said about a name, in a word. Any other result is the code of an error. */
export function showResult({ result }: Finding, { tombstone }: Pick<Explanation, 'tombstone'>): BadgeState {
  if (result === 'hit' && tombstone) return { word: 'hidden', icon: 'eye-off', tone: 'idle' }
  return RESULTS[result] ?? { word: result, icon: 'circle-x', tone: 'bad' }
}

const TYPES: Readonly<Record<string, string>> = { r2: 'R2', kv: 'KV', s3: 'S3', http: 'HTTP' }

export function showType(type: string): string {
  return TYPES[type] ?? type
}
