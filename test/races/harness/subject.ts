import { r2Backend } from '../../../src/backends/r2/r2.ts'
import { s3Backend } from '../../../src/backends/s3/s3.ts'
import { withStaging } from '../../../src/wrappers/staging.ts'
import type { Backend } from '../../../src/storage/backend.ts'
import { fakeR2 } from './fake-r2.ts'
import { type Completion, fakeS3 } from './fake-s3.ts'
import type { Bucket, Gate } from './store.ts'

export type Primary = 'r2' | `s3 that ${Completion}`

/** The backend over that bucket in one isolate of the deployment. */
export function primaryOver(kind: Primary, bucket: Bucket, gate: Gate): Backend {
  return withStaging(open(kind, bucket, gate), (_, name, error) => {
    throw new Error(`${name} was left`, { cause: error })
  })
}

function open(kind: Primary, bucket: Bucket, gate: Gate): Backend {
  if (kind === 'r2') return r2Backend('primary', fakeR2(bucket, gate))
  return s3Backend('primary', {
    endpoint: 'https://s3.example',
    bucket: 'bucket',
    fetch: fakeS3(bucket, gate, kind.slice('s3 that '.length) as Completion),
  })
}
