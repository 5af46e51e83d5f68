import { createChain } from '../../src/chain/fallback.ts'
import { copyName } from '../../src/migration/copy-name.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { reconcile } from '../../src/sources/reconcile.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'
import type { Gate } from '../races/harness/store.ts'

export const NAME = 'a.txt'
/** Small, so that a few bytes are several parts. */
const partBytes = 4

/** What the source holds now. Versions count up, and each has bytes of its own. */
export interface Source {
  version: number
  isThere: boolean
  /** Whether it sends a length. */
  sendsLength: boolean
}

export function textOfVersion(version: number): string {
  return `version ${version} of the source`
}

export function tagOfVersion(version: number): string {
  return `"v${version}"`
}

/** The version that a copy was made from; `undefined` if it is none. */
export function versionOf(info: Pick<ObjectInfo, 'provenance'>): number | undefined {
  const tag = info.provenance?.etag
  return tag === undefined ? undefined : Number(tag.slice(2, -1))
}

/** The source in one isolate: every call waits for its turn, and then sees what the source holds at that moment. */
export function sourceOver(source: Source, gate: Gate): Backend {
  const look = async (call: string): Promise<{ info: ObjectInfo; bytes: Uint8Array } | null> => {
    await gate(`${call} source`)
    if (!source.isThere) return null
    const bytes = new TextEncoder().encode(textOfVersion(source.version))
    const size = source.sendsLength ? { size: bytes.length } : {}
    return { bytes, info: { name: NAME, backend: 'old', etag: tagOfVersion(source.version), ...size } }
  }
  return {
    name: 'old',
    type: 'memory',
    head: async () => (await look('head'))?.info ?? null,
    async get() {
      const found = await look('get')
      return found && { ...found.info, body: new Blob([found.bytes]).stream() }
    },
  }
}

export type Step = 'save' | 'save in parts' | 'delete' | 'event' | 'copy' | 'change' | 'remove'

/** One step in an isolate of its own, over what all share. */
export interface World {
  primary: Backend
  source: Source
  gate: Gate
  /** What a save sends: no other step has these bytes. */
  text: string
}

/** Runs the step; the result says what it did, or why it was refused. */
export async function run(step: Step, { primary, source, gate, text }: World): Promise<string> {
  const chain = createChain([primary, sourceOver(source, gate)], { deletes: 'tombstone' })
  const bytes = new TextEncoder().encode(text)
  switch (step) {
    case 'save':
      await putObject(chain, NAME, bytes)
      return 'saved'
    case 'save in parts':
      await putObject(chain, NAME, new Blob([bytes]).stream(), { partBytes })
      return 'saved'
    case 'delete':
      await chain.delete(NAME)
      return 'deleted'
    case 'change':
      await gate('change the source')
      source.version += 1
      source.isThere = true
      return 'changed'
    case 'remove':
      await gate('remove it from the source')
      source.isThere = false
      return 'removed'
    case 'copy':
      return refusable(async () => (await copyName(chain, NAME, { partBytes })).outcome)
    case 'event':
      return refusable(
        async () => (await reconcile(chain, 'old', NAME, { migrating: true, partBytes })).outcome,
      )
  }
}

/** What works in the background may fail and be tried again. */
async function refusable(work: () => Promise<string>): Promise<string> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'unavailable') throw error
    return `refused: ${error.message}`
  }
}
