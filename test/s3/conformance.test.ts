import { inject } from 'vitest'
import { describeBackend } from '../backends/conformance.ts'
import { connectEmpty, isUnroutable } from './server.ts'

describeBackend('the S3 backend', () => connectEmpty('conformance'), {
  writable: true,
  listable: true,
  conditional: true,
  multipart: true,
  // ListObjectsV2 has no metadata, and a HEAD for each object would be expensive.
  listsAttributes: false,
  // The local endpoint's entry proxy decodes stored bodies with an encoding.
  encodings: inject('s3').flavour !== 'r2',
  // Nor does its router find keys with line and paragraph separators.
  skipsName: isUnroutable,
})
