import { inject } from 'vitest'
import { runGroups, type Site } from '../s3-api/conformance/run.ts'
import { nextPrefix, openWith, seedInto } from '../s3-api/conformance/sites.ts'
import { smaller } from '../s3-api/conformance/table.ts'
import { connect } from './server.ts'

const BUCKET = 'uploads'

async function openS3(): Promise<Site> {
  const { endpoint, region, credentials } = inject('s3')
  const prefix = nextPrefix()
  const primary = {
    type: 's3',
    name: 'primary',
    endpoint,
    region,
    bucket: BUCKET,
    credentials: 'PRIMARY',
    prefix,
  }
  const secrets = {
    PRIMARY_ACCESS_KEY_ID: credentials.accessKeyId,
    PRIMARY_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  }
  return openWith({ FALLBACK_STORAGES: [primary], ...secrets }, (objects) =>
    seedInto(connect(BUCKET), prefix, objects),
  )
}

runGroups(smaller('S3'), 'S3', openS3)
