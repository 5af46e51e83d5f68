import { cancelBody } from '../../bodies/cancel.ts'
import { parseContentRange, resolveRange } from '../../http/range.ts'
import type { Backend, GetOptions, ReadOptions } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { encodeName } from '../../storage/name.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../../storage/object.ts'
import { fromCallError } from '../call.ts'
import { listAutoindex } from './autoindex.ts'
import { htmlInsteadOf, ifRangeForOrigin, infoOfAnswer, openAnswer, refusal } from './answer.ts'
import { type Send, type SendOptions, createSend, isRedirect, withSlash } from './send.ts'

export interface HttpOptions extends Omit<SendOptions, 'absentStatuses'> {
  /** Statuses that prove absence. Default 404 and 410. */
  absentStatuses?: readonly number[]
  /** Refuse HTML for names like `a.jpg`: an error page with status 200. Default: true. */
  checkType?: boolean
}

/** An existing web server, read only. */
export function httpBackend(name: string, options: HttpOptions): Backend {
  const { url, fetcher, absentStatuses = [404, 410], listing } = options
  const send = createSend(name, { ...options, absentStatuses })
  const reader = createReader(name, { ...options, absentStatuses, send })
  const guarded = async <T>(key: string, read: () => Promise<T>): Promise<T | null> => {
    // Where the origin lists directories, their URLs answer listings, which are no objects.
    if (listing && key.endsWith('/')) return null
    try {
      return await read()
    } catch (error) {
      throw fromCallError(error, name, key)
    }
  }
  return {
    name,
    type: 'http',
    get: (key, getOptions = {}) => guarded(key, () => reader.get(key, getOptions)),
    head: (key, readOptions = {}) => guarded(key, () => reader.head(key, readOptions)),
    // Behind a binding the origin has no address of its own: this Worker serves it.
    url: async (key, { base }) => (fetcher || url === undefined ? base : withSlash(url)) + encodeName(key),
    ...(listing && {
      listsAfter: true,
      list: (listOptions = {}) => listAutoindex({ backend: name, send, absentStatuses }, listOptions),
    }),
  }
}

type ReaderOptions = HttpOptions & { absentStatuses: readonly number[]; send: Send }

function createReader(backend: string, { send, absentStatuses, checkType = true }: ReaderOptions) {
  let headWorks = true

  /** Throws for a failure, and returns false for an absence; the body is cancelled then. */
  async function accept(response: Response, name: string, statuses: readonly number[]): Promise<boolean> {
    if (statuses.includes(response.status)) {
      const extension = checkType ? htmlInsteadOf(name, response.headers) : undefined
      if (extension === undefined) return true
      await cancelBody(response.body)
      throw new StorageError('unavailable', `the origin answered an HTML page for a ${extension}`, {
        backend,
        name,
        status: response.status,
      })
    }
    await cancelBody(response.body)
    // The only redirects that come here: the configured ones, and those of a directory.
    if (absentStatuses.includes(response.status) || isRedirect(response.status)) return false
    throw refusal(response, backend, name)
  }

  async function get(
    name: string,
    { range, ifRange, ifMatch, signal }: GetOptions,
  ): Promise<StoredObject | null> {
    if (range && isEmptyRange(range)) return unsatisfiable(name, range, { signal })
    const headers = range && rangeHeaders(range, ifRange)
    const response = await send('GET', encodeName(name), { ...(headers && { headers }), signal })
    if (range && response.status === 416) {
      await cancelBody(response.body)
      const size = parseContentRange(response.headers.get('Content-Range'))?.size
      return unsatisfiable(name, range, { signal, size })
    }
    if (!(await accept(response, name, range ? [200, 206] : [200]))) return null
    return openAnswer(response, infoOfAnswer(response, backend, name), { range, ifRange, ifMatch })
  }

  async function head(name: string, { signal }: ReadOptions): Promise<ObjectInfo | null> {
    const response = headWorks ? await send('HEAD', encodeName(name), { signal }) : undefined
    if (!response || response.status === 405 || response.status === 501) return headByGet(name, signal)
    if (!(await accept(response, name, [200]))) return null
    return infoOfAnswer(response, backend, name)
  }

  /** One byte is enough to learn the size. Empty objects have none: those are requested whole. */
  async function headByGet(name: string, signal: AbortSignal | undefined): Promise<ObjectInfo | null> {
    const path = encodeName(name)
    let response = await send('GET', path, { headers: { Range: 'bytes=0-0' }, signal })
    if (response.status === 416) {
      await cancelBody(response.body)
      response = await send('GET', path, { signal })
    }
    if (!(await accept(response, name, [200, 206]))) return null
    headWorks = false
    await cancelBody(response.body)
    return infoOfAnswer(response, backend, name)
  }

  async function unsatisfiable(
    name: string,
    range: RangeRequest,
    { signal, size: known }: { signal?: AbortSignal | undefined; size?: number | undefined },
  ): Promise<null> {
    const size = known ?? (await sizeByHead(name, signal))
    if (size === null) return null
    if (size !== undefined && resolveRange(range, size) !== 'unsatisfiable')
      throw new StorageError('unavailable', 'the origin refuses a range that the object has', {
        backend,
        name,
      })
    throw new StorageError('unsatisfiable', 'the range begins past the end', {
      backend,
      name,
      status: 416,
      ...(size !== undefined && { size }),
    })
  }

  async function sizeByHead(
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<number | null | undefined> {
    const info = await head(name, signal ? { signal } : {})
    return info ? info.size : null
  }

  return { get, head }
}

function isEmptyRange(range: RangeRequest): boolean {
  return 'suffix' in range ? range.suffix === 0 : range.length === 0
}

function rangeHeaders(range: RangeRequest, ifRange: string | undefined): Record<string, string> {
  return {
    Range: `bytes=${rangeSpec(range)}`,
    ...(ifRange !== undefined && { 'If-Range': ifRangeForOrigin(ifRange) }),
  }
}

function rangeSpec(range: RangeRequest): string {
  if ('suffix' in range) return `-${range.suffix}`
  return `${range.offset}-${range.length === undefined ? '' : range.offset + range.length - 1}`
}
