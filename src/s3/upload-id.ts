import { seal, unseal } from '../storage/sealed.ts'

/** A multipart upload in one backend. */
export interface BackendUpload {
  backend: string
  /** The backend's own id. */
  id: string
  /** Identifies the object that becomes of it. */
  mark: string
}

/** What an upload id is for. */
export interface UploadBinding {
  /** The deployment's secret. */
  key: string
  bucket: string
  name: string
}

/**
 * The upload id that a client receives. Nothing is stored between its requests, so the id says where the parts are. It is
 * signed, and only valid for that bucket and name.
 */
export function sealUploadId(upload: BackendUpload, binding: UploadBinding): Promise<string> {
  return seal(upload, secretFor(binding))
}

/** What `sealUploadId` has sealed; `null` if it was for another name, or comes from elsewhere. */
export async function openUploadId(text: string, binding: UploadBinding): Promise<BackendUpload | null> {
  return ((await unseal(text, secretFor(binding))) as BackendUpload | undefined) ?? null
}

function secretFor({ key, bucket, name }: UploadBinding): string {
  return JSON.stringify([key, bucket, name])
}
