import { copyTarget, decide } from '../../chain/placement.ts'
import { isWritable } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import { whyInvalid } from '../../storage/name.ts'
import type { Held, Step } from '../walk.ts'
import type { SkipReason } from './job-types.ts'

/** What is to be done about one listed name. */
export type Classified = { held: Held } & (
  | { what: 'copy' | 'present' }
  | { what: 'skipped'; reason: SkipReason }
  | { what: 'failed'; error: StorageError }
)

/** `null` where no chosen source holds the name: then it is none of the job's business. */
export function classify(
  chain: Chain,
  sources: ReadonlySet<string>,
  { name, held: all }: Step,
): Classified | null {
  // For a read, what lies outside a backend's filter does not exist there.
  const held = all.filter(({ backend }) => backend.accepts?.(name) !== false)
  const live = held.filter(isLive)
  const isChosen = ({ backend }: Held): boolean => sources.has(backend.name)
  const inside = live.find(isChosen)
  const chosen = inside ?? all.find((candidate) => isLive(candidate) && isChosen(candidate))
  if (!chosen) return null
  if (isTombstoned(chain, { name, held })) return { held: chosen, what: 'skipped', reason: 'tombstoned' }
  const first = live[0]
  if (first && first !== chosen && isAtHome(chain, first)) return { held: chosen, what: 'present' }
  if (!inside) return { held: chosen, what: 'skipped', reason: 'excluded' }
  if (first !== chosen) return { held: chosen, what: 'skipped', reason: 'shadowed' }
  const error = nameError(chosen)
  return error ? { held: chosen, what: 'failed', error } : classifyByTarget(chain, chosen)
}

function isLive({ object }: Held): boolean {
  return !object.deleted
}

function nameError({ object: { name, invalid } }: Held): StorageError | undefined {
  const wrong = invalid ?? whyInvalid(name)
  if (wrong === undefined) return undefined
  const why = `${wrong}: it can be neither copied nor served; rename it at the source, or leave it out with \`exclude\`, and start a new backfill`
  return new StorageError('invalid', why, { name })
}

/** As a read sees it: whether a tombstone hides what the backends hold. */
export function isTombstoned(chain: Chain, { name, held }: Step): boolean {
  const holdings = held.map(({ backend, object }) => ({ backend, info: object }))
  return decide(chain, name, holdings).tombstone !== null
}

function classifyByTarget(chain: Chain, held: Held): Classified {
  const { name, size } = held.object
  const target = copyTarget(chain, held.backend, { name, size })
  if (target === 'excluded') return { held, what: 'skipped', reason: 'not_accepted' }
  if (target !== 'too-large') return { held, what: 'copy' }
  const error = new StorageError('too-large', `no writable backend takes its ${size} bytes`, { name })
  return { held, what: 'failed', error }
}

/** In the backend that takes writes, or before it. What another fallback shadows is not served, so it is not moved. */
function isAtHome(chain: Chain, { backend }: Held): boolean {
  const writer = chain.backends.find(isWritable)
  return !writer || chain.backends.indexOf(backend) <= chain.backends.indexOf(writer)
}
