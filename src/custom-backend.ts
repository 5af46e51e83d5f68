import { changed, cutPart } from './backends/ranges.ts'
import { cancelBody } from './bodies/cancel.ts'
import type { Backend, GetOptions } from './storage/backend.ts'
import { failureOfCall, StorageError } from './storage/errors.ts'
import type { ObjectInfo, StoredObject } from './storage/object.ts'
import { rollUp } from './storage/roll-up.ts'
import { intercept, interceptCalls } from './wrappers/intercept.ts'

const MEMBERS = [
  'get',
  'head',
  'put',
  'delete',
  'createMultipartUpload',
  'resumeMultipartUpload',
  'list',
  'listsAfter',
  'url',
  'path',
  'accepts',
  'maxSize',
  'maxPutSize',
  'maxNameBytes',
] as const satisfies (keyof Backend)[]

/**
 * A backend that was written elsewhere, perhaps as a class, under its configured name. Where it ignores ranges, conditions
 * of reads and delimiters, they are applied here, and what it throws is its failure.
 */
export function customBackend(name: string, given: Backend): Backend {
  const members = MEMBERS.flatMap((key) => {
    const value = given[key]
    if (value === undefined) return []
    return [[key, typeof value === 'function' ? value.bind(given) : value] as const]
  })
  const backend = { ...Object.fromEntries(members), name, type: 'custom' } as unknown as Backend
  /** Whoever forgets to return something has not proved that there is nothing. */
  const returned = <Result>(result: Result | undefined): Result => {
    if (result === undefined) throw new StorageError('unavailable', 'returned nothing', { backend: name })
    return result
  }
  const own = <Info extends ObjectInfo | null>(given: Info | undefined): Info => {
    const info = returned(given)
    return info && { ...info, backend: name }
  }
  const completed = intercept(backend, {
    get: (get) => async (key, options) => complete(own(await get(key, options)), options),
    head:
      (head) =>
      async (...call) =>
        own(await head(...call)),
    put:
      (put) =>
      async (...call) =>
        own(await put(...call)),
    list: (list) => async (options) => {
      const listOwn: typeof list = async (asked) => returned(await list(asked))
      const page = await (options?.delimiter
        ? rollUp(listOwn, { ...options, jumps: given.listsAfter })
        : listOwn(options))
      return { ...page, objects: page.objects.map(own) }
    },
  })
  const guarded = async <T>(send: () => Promise<T>): Promise<T> => {
    try {
      return await send()
    } catch (error) {
      throw failureOfCall(error, name)
    }
  }
  const withUrl = intercept(completed, {
    url:
      (url) =>
      (...call) =>
        guarded(() => url(...call)),
  })
  return interceptCalls(withUrl, (_, send) => guarded(send))
}

async function complete(
  object: StoredObject | null,
  { range, ifMatch }: GetOptions = {},
): Promise<StoredObject | null> {
  if (!object) return null
  if (ifMatch !== undefined && object.etag !== ifMatch) {
    await cancelBody(object.body)
    throw changed(object.backend)
  }
  return object.range ? object : cutPart(object, range)
}
