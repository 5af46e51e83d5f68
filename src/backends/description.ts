import { descriptionBytes, MAX_DESCRIPTION_BYTES } from '../http/headers.ts'
import { StorageError } from '../storage/errors.ts'

/** Why a response about an object is refused, if its headers about the object are too long. `server` is for the message. */
export function tooLongDescription(
  { headers, status }: Response,
  { backend, server }: { backend: string; server: string },
): StorageError | undefined {
  if (descriptionBytes(headers) <= MAX_DESCRIPTION_BYTES) return undefined
  const message = `${server} describes the object in more than ${MAX_DESCRIPTION_BYTES} bytes of headers`
  return new StorageError('unavailable', message, { backend, status })
}
