import type { ObjectInfo } from '../storage/object.ts'
export function s3Tag(info: ObjectInfo): string {
  return info.etag ?? ''
}
