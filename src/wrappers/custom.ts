import type { Backend } from '../storage/backend.ts'
import { failureOfCall } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { intercept, interceptCalls } from './intercept.ts'

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
] as const satisfies (keyof Backend)[]

/** A backend that was written elsewhere, perhaps as a class, under its configured name. What it throws is a failure of it. */
export function customBackend(name: string, given: Backend): Backend {
  const members = MEMBERS.flatMap((key) => {
    const value = given[key]
    if (value === undefined) return []
    return [[key, typeof value === 'function' ? value.bind(given) : value] as const]
  })
  const backend = { ...Object.fromEntries(members), name, type: 'custom' } as unknown as Backend
  const own = <Info extends ObjectInfo | null>(info: Info): Info => info && { ...info, backend: name }
  const renamed = intercept(backend, {
    get:
      (get) =>
      async (...call) =>
        own(await get(...call)),
    head:
      (head) =>
      async (...call) =>
        own(await head(...call)),
    put:
      (put) =>
      async (...call) =>
        own(await put(...call)),
    list: (list) => async (options) => {
      const page = await list(options)
      return { ...page, objects: page.objects.map(own) }
    },
  })
  return interceptCalls(renamed, async (_, send) => {
    try {
      return await send()
    } catch (error) {
      throw failureOfCall(error, name)
    }
  })
}
