import { refuseOutside } from '../../access/authorize.ts'
import type { Identity } from '../../access/identity.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { decodeComponent } from '../../s3/query.ts'
import { checkName, isLongerThan, MAX_NAME_BYTES } from '../../storage/name.ts'

export interface Target {
  on: 'service' | 'bucket' | 'object'
  bucket: string
  key: string
}

/** The bucket and the name in a raw path that begins with a slash. */
export function parseTarget(path: string): Target {
  const slash = path.indexOf('/', 1)
  const bucket = decodeComponent(path.slice(1, slash < 0 ? undefined : slash))
  const key = slash < 0 ? '' : decodeComponent(path.slice(slash + 1))
  return { on: path === '/' ? 'service' : key === '' ? 'bucket' : 'object', bucket, key }
}

/** Throws if no object can have that key, or if it is not among those that the identity may use. */
export function checkKey(identity: Identity, key: string): void {
  if (isLongerThan(MAX_NAME_BYTES, key))
    throw new S3ApiError('KeyTooLongError', `the key is longer than ${MAX_NAME_BYTES} UTF-8 bytes`)
  checkName(key)
  const outside = refuseOutside(identity, { name: key })
  if (outside) throw new S3ApiError('AccessDenied', outside.detail)
}
