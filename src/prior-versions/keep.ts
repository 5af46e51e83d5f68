import { cancelBody } from '../bodies/cancel.ts'
import { hold, upload as store, withUpload } from '../methods/upload.ts'
import { needsParts } from '../migration/copy.ts'
import { copyInParts } from '../migration/copy-parts.ts'
import { describeError, log } from '../observe/log.ts'
import {
  type Backend,
  conditionHolds,
  isWritable,
  type MultipartUpload,
  type ObjectAttributes,
  type PutCondition,
  type PutOptions,
  type WritableBackend,
} from '../storage/backend.ts'
import { type ErrorCode, StorageError, toStorageError } from '../storage/errors.ts'
import { type ObjectInfo, representationOf, type StoredObject } from '../storage/object.ts'
import { priorKey, type PriorVersion } from '../storage/prior-version.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import type { VersionIndex } from './versions.ts'

type Reason = PriorVersion['reason']
/** A write that replaces exactly what `onlyIf` says; `null` if that is no longer there. */
type ConditionalWrite<Result> = (onlyIf: PutCondition) => Promise<Result | null>

const MAX_TRIES = 5
const RETRY_AFTER_MS = 1000
/** Failures that prove that nothing was stored, so the copy is not needed. */
const STORED_NOTHING = new Set<ErrorCode>([
  'corrupt',
  'interrupted',
  'invalid',
  'locked',
  'overloaded',
  'precondition',
  'too-large',
  'too-many-writes',
])
/** What a client may learn about a copy that failed; anything else would say that the request is wrong. */
const OWN_FAILURES = new Set<ErrorCode>(['internal', 'locked', 'overloaded', 'skipped', 'timeout'])

/**
 * Copies an object to a key below `.trash/` before a write replaces it or a delete removes it. Each of these is conditional
 * on the version that was copied, so that of two concurrent writes, what the first stored is kept when the second replaces it.
 *
 * Copies that a migration makes replace nothing that is kept: their source has it.
 */
export function withPriorVersions(backend: Backend, index: () => VersionIndex): Backend {
  if (!isWritable(backend) || backend.mirror) return backend
  const { createMultipartUpload: create, resumeMultipartUpload: resume } = backend
  const keeping = createKeeping(backend, index)

  const keepingUpload = (name: string, upload: MultipartUpload): MultipartUpload => ({
    ...upload,
    async complete(parts, options = {}) {
      if (replacesNothing(options)) return upload.complete(parts, options)
      const wanted = { name, onlyIf: options.onlyIf, reason: reasonOf(options) }
      const stored = await keeping(wanted, (onlyIf) => upload.complete(parts, { ...options, onlyIf }))
      if (stored === null) await upload.abort()
      return stored
    },
  })
  return {
    ...backend,
    async put(name, body, options = {}) {
      if (replacesNothing(options)) return backend.put(name, body, options)
      const { size, onlyIf, signal } = options
      return withUpload(body, { size, signal }, async (upload) => {
        await hold(upload, backend)
        const isRepeatable = upload.body instanceof Uint8Array
        const stored = await keeping({ name, onlyIf, reason: reasonOf(options), isRepeatable }, (condition) =>
          backend.put(name, upload.body, { ...options, onlyIf: condition }),
        )
        if (stored === null) await cancelBody(upload.body)
        return stored
      })
    },
    async delete(name) {
      const wanted = { name, reason: 'deleted', isRepeatable: true } as const
      await keeping(wanted, async (onlyIf, held) => {
        // No backend deletes conditionally, so a marker that hides nothing replaces the object.
        if (held && !held.deleted) return writeMarker(backend, name, { lifted: true, onlyIf })
        // KV may not see an object yet; others would remove one that was stored in the meantime.
        if (held || backend.type === 'kv') await backend.delete(name)
        return true
      })
    },
    ...(create && {
      async createMultipartUpload(name, options = {}) {
        if (replacesNothing(options)) return create(name, options)
        // With a condition, the parts are joined under another key, and one put replaces the object. What clients upload in
        // many requests is already too far for that: it is checked right before it is completed.
        const isOfClient = options.info?.upload !== undefined
        const onlyIf = options.onlyIf ?? 'absent'
        return keepingUpload(name, await create(name, isOfClient ? options : { ...options, onlyIf }))
      },
    }),
    ...(resume && { resumeMultipartUpload: (name, id) => keepingUpload(name, resume(name, id)) }),
  }
}

/** A copy by a migration (a tombstone may have its provenance, too), or a write that only creates. */
function replacesNothing({ info, onlyIf }: PutOptions): boolean {
  return (info?.provenance !== undefined && !info.deleted) || onlyIf === 'absent'
}

function reasonOf({ info }: PutOptions): Reason {
  return info?.deleted ? 'deleted' : 'replaced'
}

interface Wanted {
  name: string
  onlyIf?: PutCondition | undefined
  reason: Reason
  /** The write can be sent again if another one came first. */
  isRepeatable?: boolean
}

function createKeeping(backend: WritableBackend, index: () => VersionIndex) {
  /** Best effort: a copy that is left is one version too many until it expires. */
  const discard = async ({ key }: PriorVersion): Promise<void> => {
    try {
      await backend.delete(key)
      await index().removeVersions(backend.name, [key])
    } catch (error) {
      log('warn', 'prior version left', { backend: backend.name, key, reason: describeError(error) })
    }
  }
  const keep = async (held: ObjectInfo, reason: Reason): Promise<PriorVersion | null> => {
    const { name, size = null, etag = null, modified } = held
    for (let time = Date.now(); ; time++) {
      const key = await priorKey(name, time, backend.accepts)
      const copied = await copyVersion(backend, held, key)
      if (copied === 'changed') return null
      if (copied === 'taken') continue
      const found = { size, etag, modified: modified?.getTime() ?? null }
      const version = { backend: backend.name, key, name, time, reason, ...found }
      await index().addVersion(version)
      return version
    }
  }
  const isStill = async ({ name, version }: ObjectInfo): Promise<boolean> =>
    (await backend.head(name, { lastResort: true }))?.version === version

  /** `null` if `onlyIf` does not hold. */
  return async <Result>(
    { name, onlyIf, reason, isRepeatable = false }: Wanted,
    write: (...args: [...Parameters<ConditionalWrite<Result>>, ObjectInfo | null]) => Promise<Result | null>,
  ): Promise<Result | null> => {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await backend.head(name, { lastResort: true })
      if (onlyIf && !conditionHolds(onlyIf, held)) return null
      let kept: PriorVersion | null = null
      if (held && !held.deleted) {
        kept = await keep(held, reason).catch((error: unknown) => Promise.reject(notKept(backend, error)))
        if (!kept) continue
        // What can be sent only once is not risked: the copy may have taken long.
        if (!isRepeatable && !(await isStill(held))) {
          await discard(kept)
          continue
        }
      }
      try {
        const done = await write(conditionOn(held), held)
        if (done !== null) return done
      } catch (error) {
        if (kept && STORED_NOTHING.has(toStorageError(error, backend.name).code)) await discard(kept)
        throw error
      }
      if (kept) await discard(kept)
      if (onlyIf) return null
      if (!isRepeatable) break
    }
    throw new StorageError('too-many-writes', 'another write of the name came first: send it again', {
      backend: backend.name,
      retryAfter: RETRY_AFTER_MS,
    })
  }
}

/** `taken`: there is another object of that key. `changed`: `held` is no longer the object. */
async function copyVersion(
  backend: WritableBackend,
  held: ObjectInfo,
  key: string,
): Promise<'copied' | 'taken' | 'changed'> {
  const copy = async (attributes: ObjectAttributes): Promise<'copied' | 'taken' | 'changed'> => {
    const object = await backend.get(held.name, { lastResort: true })
    if (!object || object.deleted || object.version !== held.version) {
      await cancelBody(object?.body)
      return 'changed'
    }
    const stored = await storeVersion(backend, object, { copyName: key, info: attributes, onlyIf: 'absent' })
    return stored ? 'copied' : 'taken'
  }
  const { etag, modified, provenance, upload } = held
  const own = {
    ...representationOf(held),
    ...(provenance && { provenance }),
    ...(upload !== undefined && { upload }),
  }
  try {
    return await copy({ ...own, ...(etag !== undefined && { etag }), ...(modified && { modified }) })
  } catch (error) {
    // KV has room for little metadata; the index has these two as well.
    if (error instanceof StorageError && error.about === 'metadata') return copy(own)
    if (error instanceof StorageError && error.code === 'precondition') return 'changed'
    throw error
  }
}

async function storeVersion(
  backend: WritableBackend,
  object: StoredObject,
  { copyName, ...options }: PutOptions & { copyName: string },
): Promise<ObjectInfo | null> {
  const { size, digests, body } = object
  if (!needsParts(object, backend)) return store(backend, copyName, body, { ...options, size, digests })
  await cancelBody(body)
  return copyInParts(backend, backend, object, { ...options, copyName })
}

function notKept(backend: Backend, error: unknown): StorageError {
  const cause = toStorageError(error, backend.name)
  const { code, message, retryAfter } = cause
  const why = `nothing was changed, because a copy of the present object could not be kept (FALLBACK_KEEP_REPLACED_DAYS): ${message}`
  const options = { backend: backend.name, cause, retryAfter }
  return new StorageError(OWN_FAILURES.has(code) ? code : 'unavailable', why, options)
}
