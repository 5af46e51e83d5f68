import { decide } from '../../storage/decide.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Chain } from '../../storage/fallback.ts'
import { checkName } from '../../storage/name.ts'
import type { Held, Step } from '../walk.ts'
import { targetFor } from './target.ts'

/** What is to be done about one listed name. */
export type Verdict = { held: Held } & (
  | { what: 'copy' | 'present' | 'skipped' }
  | { what: 'failed'; error: StorageError }
)

/** `null` where no chosen source holds the name: then it is none of the job's business. */
export function judge(chain: Chain, sources: ReadonlySet<string>, { name, held }: Step): Verdict | null {
  const live = held.filter(({ object }) => !object.deleted)
  const chosen = live.find(({ backend }) => sources.has(backend.name))
  if (!chosen) return null
  if (isBuried(chain, { name, held })) return { held: chosen, what: 'skipped' }
  const first = live[0]
  if (first && first !== chosen) return { held: chosen, what: isAtHome(chain, first) ? 'present' : 'skipped' }
  try {
    checkName(name)
  } catch (error) {
    if (error instanceof StorageError) return { held: chosen, what: 'failed', error }
    throw error
  }
  return judgeTarget(chain, chosen)
}

/** As a read sees it: whether a tombstone hides what the backends hold. */
export function isBuried(chain: Chain, { name, held }: Step): boolean {
  const holdings = held.map(({ backend, object }) => ({ backend, info: object }))
  return decide(chain, name, holdings).tombstone !== null
}

function judgeTarget(chain: Chain, held: Held): Verdict {
  const { name, size } = held.object
  const target = targetFor(chain, held.backend, { name, size })
  if (target === 'excluded') return { held, what: 'skipped' }
  if (target !== 'too-large') return { held, what: 'copy' }
  const error = new StorageError('too-large', `no writable backend takes its ${size} bytes`, { name })
  return { held, what: 'failed', error }
}

/** In the backend that takes writes, or before it. What another fallback shadows is not served, so it is not moved. */
function isAtHome(chain: Chain, { backend }: Held): boolean {
  return !chain.authority || chain.backends.indexOf(backend) <= chain.backends.indexOf(chain.authority)
}
