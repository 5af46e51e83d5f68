import { S3ApiError } from '../../s3/errors.ts'

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

/** A plus sign is a plus sign in the path, and a space in the query. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new S3ApiError('InvalidURI', 'the URL contains a percent escape that is not UTF-8', { cause })
  }
}
