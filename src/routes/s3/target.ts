import { refuseOutside } from '../../access/authorize.ts'
import type { Identity } from '../../access/identity.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { checkName, isLongerThan, MAX_NAME_BYTES } from '../../storage/name.ts'

export interface Target {
  on: 'service' | 'bucket' | 'object'
  bucket: string
  key: string
}

/** The bucket and the name in a raw path that begins with a slash. */
export function parseTarget(path: string): Target {
  const slash = path.indexOf('/', 1)
  const bucket = decode(path.slice(1, slash < 0 ? undefined : slash))
  const key =
    slash < 0
      ? ''
      : path
          .slice(slash + 1)
          .split('/')
          .map(decode)
          .join('/')
  return { on: path === '/' ? 'service' : key === '' ? 'bucket' : 'object', bucket, key }
}

/** Decodes percent escapes. A plus sign stays one. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new S3ApiError('InvalidURI', 'the URL contains a percent escape that is not UTF-8', { cause })
  }
}

/** Throws if no object can have that key, or if it is not among those that the identity may use. */
export function checkKey(identity: Identity, key: string): void {
  if (isLongerThan(MAX_NAME_BYTES, key))
    throw new S3ApiError('KeyTooLongError', `the key is longer than ${MAX_NAME_BYTES} UTF-8 bytes`)
  checkName(key)
  const outside = refuseOutside(identity, { name: key })
  if (outside) throw new S3ApiError('AccessDenied', outside.detail)
}
