import type { Config } from '../config.ts'
import { requestDigests } from '../http/digest-headers.ts'
import { representationFromHeaders } from '../http/headers.ts'
import { StorageError } from '../storage/errors.ts'
import type { SaveOptions } from '../storage/save.ts'

/** The body of a PUT or a save, and what its headers say of it. Throws `invalid` for what cannot be stored as a whole. */
export function uploadFrom(
  request: Request,
  config: Pick<Config, 'maxUploadBytes'>,
): { body: ReadableStream<Uint8Array> | Uint8Array; options: SaveOptions } {
  const { headers, body } = request
  // RFC 9110 §14.5: a server that does not do partial PUTs answers 400.
  if (headers.has('Content-Range')) throw new StorageError('invalid', 'a part of an object cannot be stored')
  const length = headers.get('Content-Length')
  return {
    body: body ?? new Uint8Array(0),
    options: {
      info: representationFromHeaders(headers),
      digests: requestDigests(headers),
      ...(body && length !== null && { size: Number(length) }),
      ...(config.maxUploadBytes !== undefined && { maxBytes: config.maxUploadBytes }),
    },
  }
}
