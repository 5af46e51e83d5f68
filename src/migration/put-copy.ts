import { cancelBody } from '../bodies/cancel.ts'
import type { Chain } from '../chain/fallback.ts'
import { writerFor } from '../chain/placement.ts'
import { putObject, type PutObjectOptions, replace } from '../methods/put-object.ts'
import type { Backend } from '../storage/backend.ts'
import type { ObjectInfo, StoredObject } from '../storage/object.ts'
import { needsParts } from './copy.ts'
import { copyInParts } from './copy-parts.ts'

/** Stores what `source` has as an object of that name, like any other write: in parts if it is too large for one put. */
export async function putCopy(
  chain: Chain,
  name: string,
  {
    source,
    object,
    info,
    allows,
  }: Pick<PutObjectOptions, 'info' | 'allows'> & {
    source: Backend
    object: StoredObject
  },
): Promise<ObjectInfo> {
  const { size, digests, body } = object
  const target = writerFor(chain, name, size)
  if (!target || !needsParts(object, target)) {
    const stored = await putObject(chain, name, body, { size, digests, info, allows })
    return stored.info
  }
  await cancelBody(body)
  const held = await target.head(name, { lastResort: true })
  return replace(chain, name, { target, held, allows }, (onlyIf) =>
    copyInParts(source, target, object, { copyName: name, info, onlyIf }),
  )
}
