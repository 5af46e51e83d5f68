import type { Group } from './case.ts'
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
