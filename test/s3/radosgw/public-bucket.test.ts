import { inject } from 'vitest'
import { httpBackend } from '../../../src/backends/http/http.ts'
import { describeBackend } from '../../backends/conformance.ts'
import { PUBLIC_BUCKET } from '../provided.ts'
import { connectEmpty } from '../server.ts'

const seeder = await connectEmpty(PUBLIC_BUCKET)
const url = `${inject('s3').endpoint}/${PUBLIC_BUCKET}/`

describeBackend('the HTTP backend on a public bucket', async () => httpBackend('public', { url }), {
  writable: false,
  listable: false,
  conditional: false,
  multipart: false,
  seed: async (name, bytes, info = {}) => {
    await seeder.put(name, bytes, { info })
  },
})
