import type { Config } from '../config/config.ts'
import { requestDigests } from '../http/digest-headers.ts'
import { representationFromHeaders } from '../http/headers.ts'
import { typeOfName } from '../http/media-types.ts'
import { StorageError } from '../storage/errors.ts'
import type { Representation } from '../storage/object.ts'
import type { SaveOptions } from '../methods/save.ts'

/** What curl and others send for want of a type: nobody uploads a form's fields as an object. */
const FORM = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i

/** The body of a PUT or a save, and what its headers say of it. Throws `invalid` for what cannot be stored as a whole. */
export function uploadFrom(
  request: Request,
  name: string,
  config: Pick<Config, 'maxUploadBytes'>,
): { body: ReadableStream<Uint8Array> | Uint8Array; options: SaveOptions } {
  const { headers, body } = request
  // RFC 9110 §14.5: a server that does not do partial PUTs answers 400.
  if (headers.has('Content-Range')) throw new StorageError('invalid', 'a part of an object cannot be stored')
  const length = headers.get('Content-Length')
  return {
    body: body ?? new Uint8Array(0),
    options: {
      info: describe(headers, name),
      digests: requestDigests(headers),
      ...(body && length !== null && { size: Number(length) }),
      ...(config.maxUploadBytes !== undefined && { maxBytes: config.maxUploadBytes }),
    },
  }
}

function describe(headers: Headers, name: string): Representation {
  const representation = representationFromHeaders(headers)
  const { contentType } = representation
  const inferred = contentType === undefined || FORM.test(contentType) ? typeOfName(name) : undefined
  return inferred === undefined ? representation : { ...representation, contentType: inferred }
}
