export { checkDigests, type DigestName, toHex, verifyingStream } from '../storage/digest.ts'
