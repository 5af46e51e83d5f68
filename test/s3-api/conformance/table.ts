import type { Group, Storage } from './case.ts'
import { BUCKETS } from './groups/buckets.ts'
import { COPIES } from './groups/copies.ts'
import { LISTS } from './groups/lists.ts'
import { MULTIPART } from './groups/multipart.ts'
import { OBJECTS } from './groups/objects.ts'
import { READS } from './groups/reads.ts'
import { SIGNATURES } from './groups/signatures.ts'
import { WRITES } from './groups/writes.ts'

/** What S3 clients must see, by operation. */
export const TABLE: readonly Group[] = [
  ...SIGNATURES,
  ...BUCKETS,
  ...OBJECTS,
  ...READS,
  ...WRITES,
  ...COPIES,
  ...MULTIPART,
  ...LISTS,
]

/** Every fourth case that reads or writes objects, for storages whose own conformance is shown elsewhere. */
export function smaller(storage: Storage): Group[] {
  return [...OBJECTS, ...READS, ...WRITES, ...COPIES, ...MULTIPART, ...LISTS]
    .map(({ name, cases }) => ({
      name,
      cases: cases
        .filter(({ except }) => except[storage] === undefined)
        .filter((_, index) => index % 4 === 0),
    }))
    .filter(({ cases }) => cases.length > 0)
}
