import { accepts, copyTarget, decide, largerWriters } from '../../chain/placement.ts'
import { type Backend, isWritable } from '../../storage/backend.ts'
import type { Chain } from '../../chain/fallback.ts'
import { whyInvalid } from '../../storage/name.ts'
import type { Held, Step } from '../walk.ts'
import type { BackendFailure } from '../job-record.ts'
import type { Outcome } from './job-types.ts'

/** What to do with one listed name. */
export interface Classified {
  held: Held
  what: 'copy' | Exclude<Outcome['what'], 'copied'>
  reason?: NonNullable<Outcome['reason']>
  failure?: BackendFailure
}

/** `null` if none of the chosen sources holds the name: then it is not the job's concern. */
export function classify(
  chain: Chain,
  sources: ReadonlySet<string>,
  { name, held: all }: Step,
): Classified | null {
  const served = all.filter(isServed)
  const live = served.filter(isLive)
  const isChosen = ({ backend }: Held): boolean => sources.has(backend.name)
  const inside = live.find(isChosen)
  const held = inside ?? all.find((candidate) => isLive(candidate) && isChosen(candidate))
  if (!held) return null
  const skip = (reason: NonNullable<Outcome['reason']>): Classified => ({ held, what: 'skipped', reason })
  const fail = (error: BackendFailure['error'], detail: string): Classified => ({
    held,
    what: 'failed',
    failure: { backend: held.backend.name, error, detail },
  })
  const unlistable = live.find((one) => isChosen(one) && one.object.unlistable)
  if (unlistable) return fail('unavailable', UNLISTABLE)
  const first = live[0]
  if (tombstoneOf(chain, name, served) && !served.some((one) => isOverruled(one, first)))
    return skip('tombstoned')
  if (first && first !== held && isAtHome(chain, first)) return { held, what: 'present' }
  if (!inside) return skip('excluded')
  if (first !== held) return skip('shadowed')
  const invalid = whyUnusable(held)
  if (invalid !== undefined)
    return fail(
      'invalid',
      `${invalid}: it can be neither copied nor served; rename it at the source, or leave it out with \`exclude\`, and start a new backfill`,
    )
  const { size } = held.object
  const target = copyTarget(chain, held.backend, { name, size })
  if (target === 'excluded') return skip('not_accepted')
  if (target === 'too-large' && isAtHome(chain, held)) return { held, what: 'present' }
  return target === 'too-large' ? fail('too-large', whyTooLarge(size)) : { held, what: 'copy' }
}

export const UNLISTABLE =
  'a directory that the origin does not list, so what is in it is not known: let it list this one, too'

function isLive({ object }: Held): boolean {
  return !object.deleted
}

/** Whether reads find it there: they do not see objects that a backend's filter excludes. */
export function isServed({ backend, object }: Held): boolean {
  return accepts(backend, object.name)
}

/** The backend whose tombstone hides the name from reads. */
export function tombstoneOf(chain: Chain, name: string, held: readonly Held[]): Backend | undefined {
  const holdings = held.map(({ backend, object }) => ({ backend, info: object }))
  return decide(chain, name, holdings).tombstone?.backend
}

/** Whether it is the tombstone of a copy whose source had deleted the object, and has it again. */
export function isOverruled({ object }: Held, source: Held | undefined): boolean {
  return !!object.deleted && !!source && object.provenance?.backend === source.backend.name
}

/** Why nothing can be served under the object's name; `undefined` if it can. */
export function whyUnusable({ object: { name, invalid } }: Held): string | undefined {
  return invalid ?? whyInvalid(name)
}

export function whyTooLarge(size: number | undefined): string {
  return `no writable backend before it takes its ${size} bytes`
}

/**
 * In the backend that takes writes or before it, or in one for what is too large for it. What another fallback shadows is not
 * served, so it is not copied.
 */
function isAtHome(chain: Chain, { backend }: Held): boolean {
  const writer = chain.backends.find(isWritable)
  const isBefore = !writer || chain.backends.indexOf(backend) <= chain.backends.indexOf(writer)
  return isBefore || largerWriters(chain).includes(backend)
}
