import type { Chain } from '../../chain/fallback.ts'
import { evaluatePreconditions, ifRangeHolds } from '../../http/conditional.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { s3Conditions, s3Tag } from '../../s3/entity-tag.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { isConditional } from '../find-object.ts'

/** The object with the ETag that S3 clients get, everywhere the same: in reads, writes, copies and listings. */
export function withS3Tag<Info extends ObjectInfo>(chain: Chain, info: Info): Info {
  const etag = s3Tag(info, chain.backends.find(({ name }) => name === info.backend)?.type)
  return etag === undefined || etag === info.etag ? info : { ...info, etag }
}

/** Whether If-Range identifies the object, by the tag that S3 clients get. */
export function isCurrent(chain: Chain, headers: Headers, info: ObjectInfo): boolean {
  const shown = withS3Tag(chain, info)
  return ifRangeHolds(s3Conditions(headers, info, shown.etag, ['If-Range']).get('If-Range'), shown)
}

/** Whether a write's conditions allow it to replace the current object; `undefined` if it has none. */
export function writeCondition(
  chain: Chain,
  { method, headers }: { method: string; headers: Headers },
): ((current: ObjectInfo | null) => boolean) | undefined {
  if (!isConditional(headers)) return undefined
  return (current) => {
    if (!current) {
      if (headers.has('If-Match')) throw new S3ApiError('NoSuchKey', 'there is no object to match')
      return evaluatePreconditions(method, headers, null) === 'proceed'
    }
    const shown = withS3Tag(chain, current)
    return evaluatePreconditions(method, s3Conditions(headers, current, shown.etag), shown) === 'proceed'
  }
}
