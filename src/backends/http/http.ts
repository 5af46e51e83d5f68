import { cancelBody, refuseBody } from '../../bodies/cancel.ts'
import { parseContentRange, resolveRange } from '../../http/range.ts'
import type { Backend, GetOptions, ReadOptions } from '../../storage/backend.ts'
import { StorageError, failureOfCall } from '../../storage/errors.ts'
import { encodeName } from '../../storage/name.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../../storage/object.ts'
import { tooLongDescription } from '../description.ts'
import { cutPart, rangeHeader, unsatisfiable } from '../ranges.ts'
import { htmlInsteadOf, ifRangeForOrigin, infoOfAnswer, isDecoded, openAnswer, refusal } from './answer.ts'
import { listAutoindex } from './autoindex.ts'
import { type Send, type SendOptions, createSend, isRedirect, withSlash } from './send.ts'

export interface HttpOptions extends Omit<SendOptions, 'absentStatuses'> {
  /** Statuses that prove absence. Default 404 and 410. */
  absentStatuses?: readonly number[]
  /** Refuse HTML for names like `a.jpg`: an error page with status 200. Default: true. */
  checkType?: boolean
}

/** An existing web server, read only. */
export function httpBackend(name: string, options: HttpOptions): Backend {
  const { url, fetcher, absentStatuses = [404, 410], checkType = true, listing } = options
  const send = createSend(name, { ...options, absentStatuses })
  const reader = createReader(name, { absentStatuses, checkType, send })
  // If the origin lists directories, their URLs return listings, not objects.
  const isListing = (key: string): boolean => listing !== undefined && key.endsWith('/')
  const translated = <Result>(done: Promise<Result>): Promise<Result> =>
    done.catch((error: unknown) => Promise.reject(failureOfCall(error, name)))
  return {
    name,
    type: 'http',
    get: async (key, getOptions = {}) => (isListing(key) ? null : translated(reader.get(key, getOptions))),
    head: async (key, readOptions = {}) =>
      isListing(key) ? null : translated(reader.head(key, readOptions)),
    // An origin behind a binding has no address of its own.
    ...(url !== undefined && !fetcher && { url: async (key) => withSlash(url) + encodeName(key) }),
    ...(listing && {
      listsAfter: true,
      list: (listOptions = {}) =>
        translated(listAutoindex({ backend: name, send, absentStatuses }, listOptions)),
    }),
  }
}

interface ReaderOptions {
  absentStatuses: readonly number[]
  checkType: boolean
  send: Send
}

function createReader(backend: string, { send, absentStatuses, checkType }: ReaderOptions) {
  let headWorks = true

  /** Whether the response holds the object; false if it is absent. Throws a failure. Cancels the body unless true. */
  async function accept(response: Response, name: string, statuses: readonly number[]): Promise<boolean> {
    const { status, headers } = response
    if (statuses.includes(status)) {
      const tooLong = tooLongDescription(response, { backend, server: 'the origin' })
      if (tooLong) return refuseBody(response.body, tooLong)
      const extension = checkType ? htmlInsteadOf(name, headers) : undefined
      if (extension === undefined) return true
      const message = `the origin answered with an HTML page for a ${extension}`
      return refuseBody(response.body, new StorageError('unavailable', message, { backend, status }))
    }
    await cancelBody(response.body)
    // Other redirects were followed: this is a configured one, or that of a directory.
    if (absentStatuses.includes(status) || isRedirect(status)) return false
    throw refusal(response, backend)
  }

  async function get(
    name: string,
    { range, ifRange, ifMatch, signal }: GetOptions,
  ): Promise<StoredObject | null> {
    if (range && isEmptyRange(range)) return refuseRange(name, range, { signal })
    const headers: Record<string, string> = range ? { Range: rangeHeader(range) } : {}
    if (range && ifRange !== undefined) headers['If-Range'] = ifRangeForOrigin(ifRange)
    const response = await send('GET', encodeName(name), { headers, signal })
    if (range && response.status === 416) {
      await cancelBody(response.body)
      const size = parseContentRange(response.headers.get('Content-Range'))?.size
      return refuseRange(name, range, { signal, size })
    }
    if (range && response.status === 206 && isDecoded(response.headers)) {
      // A part of the encoded bytes, which is no part of the object.
      await cancelBody(response.body)
      const whole = await get(name, { ifMatch, signal })
      return whole && cutPart(whole, range)
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

  /** One byte is enough to learn the size. An empty object has none, so it is requested whole. */
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

  /** Throws the reason why a range is refused; `null` if the object is absent. */
  async function refuseRange(
    name: string,
    range: RangeRequest,
    { signal, size }: { signal: AbortSignal | undefined; size?: number | undefined },
  ): Promise<null> {
    if (size === undefined) {
      const info = await head(name, { signal })
      if (!info) return null
      size = info.size
    }
    if (size === undefined || resolveRange(range, size) === 'unsatisfiable')
      throw unsatisfiable(backend, size)
    throw new StorageError('unavailable', 'the origin refuses a valid range of the object', { backend })
  }

  return { get, head }
}

function isEmptyRange(range: RangeRequest): boolean {
  return 'suffix' in range ? range.suffix === 0 : range.length === 0
}
