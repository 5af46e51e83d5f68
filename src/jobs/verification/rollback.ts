import { accepts } from '../../chain/placement.ts'
import type { ListableBackend } from '../../storage/backend.ts'
import type { Backfill } from '../../schemas/job-answers.ts'
import { canonicalJson } from '../../storage/canonical-json.ts'
import { type Representation, representationOf } from '../../storage/object.ts'
import type { MirrorStatus } from '../../mirrors/messages.ts'
import { whyUnusable } from '../backfill/classify.ts'
import { primaryState } from '../mirrored.ts'
import type { Held, Step } from '../walk.ts'
import { isOpen } from './certificate.ts'
import {
  compareBytes,
  compareListed,
  type Compared,
  type CompareOptions,
  isProved,
  leftOut,
  type Result,
} from './compare.ts'

type Options = Pick<CompareOptions, 'chain' | 'deep' | 'trustTags'>

/** Compares a name in the primary with one mirror; `null` if it is on neither, as it should be if it is deleted. */
export async function compareWithMirror(
  step: Step,
  mirror: ListableBackend,
  options: Options,
): Promise<Result | null> {
  const { name } = step
  const { serves, isDeleted } = primaryState(options.chain, step)
  const copy = step.held.find(({ backend, object }) => backend === mirror && !object.deleted)
  const base = { name, held: serves !== null || isDeleted, backend: mirror.name, detail: '' }
  if (!serves) {
    if (!copy) return null
    if (!isDeleted) return { ...base, kind: 'extra', detail: `only ${mirror.name} holds it` }
    if (mirror.mirror === 'keep-deleted') return { ...base, kind: 'tombstoned' }
    return {
      ...base,
      kind: 'not_deleted',
      detail: `deleted in the primary, but ${mirror.name} still holds it`,
    }
  }
  const invalid = whyUnusable(serves)
  if (invalid !== undefined) return { ...base, ...leftOut('invalid_name', invalid) }
  if (!accepts(mirror, name))
    return { ...base, ...leftOut('not_accepted', `${mirror.name} does not accept that name`) }
  const { size = 0 } = serves.object
  if (size > (mirror.maxSize ?? Infinity))
    return { ...base, ...leftOut('too_large', `${mirror.name} takes no object of ${size} bytes`) }
  if (!copy) return { ...base, kind: 'missing', detail: `${mirror.name} does not hold it` }
  return { ...base, ...(await compareCopy(copy, serves, options)) }
}

/** Listings of S3 do not have what a copy says about itself: where they prove nothing, both sides are asked for it. */
async function compareCopy(copy: Held, own: Held, { deep, trustTags }: Options): Promise<Compared> {
  let sides: [copy: Held, own: Held] = [copy, own]
  let compared = compareBothWays(...sides, trustTags)
  if (deep || !isProved(compared)) {
    const [there, here] = await Promise.all([reread(copy), reread(own)])
    if (!there) return { kind: 'missing', detail: `removed from ${copy.backend.name} meanwhile` }
    if (!here) return { kind: 'different', detail: `removed from ${own.backend.name} meanwhile` }
    sides = [there, here]
    compared = compareBothWays(...sides, trustTags)
  }
  if (compared === 'read' || (deep && compared.kind === 'equal'))
    compared = await compareBytes(...sides, { trustTags })
  const field = compared.kind === 'equal' && differentField(...sides)
  return field ? { kind: 'different', detail: `the ${field} differs` } : compared
}

async function reread({ backend, object: { name } }: Held): Promise<Held | null> {
  const object = await backend.head(name)
  return object && !object.deleted ? { backend, object } : null
}

/** The mirror may have its object from the primary, or the primary from the mirror. */
function compareBothWays(copy: Held, own: Held, trustTags: CompareOptions['trustTags']): Compared | 'read' {
  const forth = compareListed(copy.object, own.object, trustTags(own.backend.name))
  if (isProved(forth)) return forth
  const back = compareListed(own.object, copy.object, trustTags(copy.backend.name))
  const isUndecided = forth === 'read' || forth.kind === 'equal'
  return isProved(back) || isUndecided ? back : forth
}

/** Something that the primary keeps with the bytes, and the copy has not. Copies that say where they are from have all of it. */
function differentField({ object: copy }: Held, { object: own }: Held): keyof Representation | undefined {
  if (!copy.provenance) return undefined
  const [wanted, found] = [representationOf(own), representationOf(copy)]
  const fields = Object.keys(wanted) as (keyof Representation)[]
  return fields.find((field) => canonicalJson(wanted[field]) !== canonicalJson(found[field]))
}

export type MirrorState = Pick<MirrorStatus, 'mirror' | 'pending' | 'failed'>

/** Reasons against rolling back: changes that these mirrors do not have yet, and resyncs that are open. */
export function rollbackObstacles(
  mirrors: readonly string[],
  states: readonly MirrorState[],
  jobs: readonly Backfill[],
): string[] {
  const changes = (count: number): string => (count === 1 ? '1 change' : `${count} changes`)
  const open = jobs.filter(({ mirror, state }) => mirrors.includes(mirror ?? '') && isOpen(state))
  return [
    ...states.flatMap(({ mirror, pending, failed }) => [
      ...(pending > failed
        ? [`${changes(pending - failed)} not yet on ${mirror}: wait, and verify again`]
        : []),
      ...(failed > 0 ? [`${changes(failed)} failed on ${mirror}: see GET mirrors for the reasons`] : []),
    ]),
    ...open.map(({ id, mirror, state }) => `resync ${id} of ${mirror} is ${state}`),
  ]
}

/** What all sides hold under a name now. */
export async function readStep(name: string, sides: readonly ListableBackend[]): Promise<Step> {
  const held = await Promise.all(
    sides.map(async (backend) => {
      const object = await backend.head(name)
      return object ? [{ backend, object }] : []
    }),
  )
  return { name, held: held.flat() }
}
