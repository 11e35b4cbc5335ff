//! A 1024-bit RSA key, published here and therefore worthless: what a broker must refuse to trust. The audited
//! library will not sign with so short a key, so this file does, and only when that fault is ordered.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::sandbox::jwt::encode;

/// The `kid` of the weak key.
pub(super) const KEY_ID: &str = "weak-1024";

/// Sixteen limbs, the most significant first.
type Number = [u64; 16];

const MODULUS: Number = [
    0xad27_ebfc_f0d6_368e,
    0xc403_3554_5305_9a75,
    0xa92d_7822_e27a_bc46,
    0x1e64_d01c_9822_8105,
    0x44ea_a3ff_24c6_edd4,
    0x4756_ec54_dce8_9550,
    0xfffb_f701_3a89_eb6c,
    0xabbc_641a_546d_5a22,
    0xffce_b701_318b_c081,
    0x9bb7_1bb7_3560_e646,
    0xa605_0b37_e675_a637,
    0x87f8_9e60_ba9d_2b8d,
    0xa7eb_a21d_793f_66ea,
    0xcbbb_066f_0561_1eb5,
    0x303c_77b8_05e9_292d,
    0xd3db_0447_5ec6_0603,
];
const PRIVATE_EXPONENT: Number = [
    0x713a_f1ee_edee_a6ae,
    0xa52f_13e8_9881_c987,
    0xb7a1_ac35_e3b4_2efa,
    0x0b56_1161_217b_2eb3,
    0xab65_64e8_abbc_0a3a,
    0x0e8c_a0ee_bda6_ba3d,
    0xc5a7_96d6_8ed9_31c2,
    0x566b_536a_845b_1ddd,
    0x40ef_a5dc_af04_34bd,
    0x8c0a_73a0_df00_b055,
    0xd5f5_6b9e_7bfe_a5c5,
    0x609d_5f20_c91b_51be,
    0xacf0_549d_34f6_4e93,
    0x80ee_b4cb_4a91_72b7,
    0x67f8_07df_1372_7c7d,
    0xedd6_86e4_3058_7181,
];
/// What PKCS #1 puts before a SHA-256 digest.
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// The public half, as a JWK.
pub(super) fn jwk() -> Value {
    let modulus = encode(to_bytes(&MODULUS));
    json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": modulus, "e": "AQAB" })
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017).
pub(super) fn sign(input: &[u8]) -> Vec<u8> {
    let mut block = [0xff; 128];
    block[0] = 0;
    block[1] = 1;
    block[76] = 0;
    block[77..96].copy_from_slice(&DIGEST_INFO);
    block[96..].copy_from_slice(digest(&SHA256, input).as_ref());
    to_bytes(&power(&from_bytes(&block), &PRIVATE_EXPONENT)).to_vec()
}

/// By Montgomery's products, which carry a factor of 2^-1024 each: plain ones would outlast a caller's patience.
fn power(base: &Number, exponent: &Number) -> Number {
    let raised = |number: &Number| (0..1024).fold(*number, |number, _| sum_of(&number, &number));
    let one = from_bytes(&std::array::from_fn(|index| u8::from(index == 127)));
    let base = raised(base);
    let power = bits(exponent).fold(raised(&one), |square, bit| {
        let square = product(&square, &square);
        if bit { product(&square, &base) } else { square }
    });
    product(&power, &one)
}

fn product(left: &Number, right: &Number) -> Number {
    // The least significant limb first, and room for what is carried.
    let mut sum = [0; 18];
    for &limb in right.iter().rev() {
        add_multiple(&mut sum, left, limb);
        let factor = sum[0].wrapping_mul(minus_inverse());
        add_multiple(&mut sum, &MODULUS, factor);
        sum.copy_within(1.., 0);
        sum[17] = 0;
    }
    let number = std::array::from_fn(|index| sum[15 - index]);
    if sum[16] > 0 || number >= MODULUS { less_modulus(&number) } else { number }
}

fn add_multiple(sum: &mut [u64; 18], number: &Number, factor: u64) {
    let mut carry = 0;
    for (part, &limb) in sum.iter_mut().zip(number.iter().rev()) {
        (*part, carry) = limb.carrying_mul_add(factor, *part, carry);
    }
    let (part, over) = sum[16].overflowing_add(carry);
    sum[16] = part;
    sum[17] += u64::from(over);
}

/// What makes the modulus's last limb -1 when multiplied with it, by Newton's steps.
fn minus_inverse() -> u64 {
    let last = MODULUS[15];
    let step = |inverse: u64, _| inverse.wrapping_mul(2_u64.wrapping_sub(last.wrapping_mul(inverse)));
    (0..6).fold(1, step).wrapping_neg()
}

/// The sum, reduced once: both are less than the modulus.
fn sum_of(left: &Number, right: &Number) -> Number {
    let mut sum = [0; 16];
    let mut carry = false;
    for index in (0..16).rev() {
        let (part, first) = left[index].overflowing_add(right[index]);
        let (part, second) = part.overflowing_add(u64::from(carry));
        sum[index] = part;
        carry = first || second;
    }
    if carry || sum >= MODULUS { less_modulus(&sum) } else { sum }
}

fn less_modulus(number: &Number) -> Number {
    let mut rest = [0; 16];
    let mut borrow = false;
    for index in (0..16).rev() {
        let (part, first) = number[index].overflowing_sub(MODULUS[index]);
        let (part, second) = part.overflowing_sub(u64::from(borrow));
        rest[index] = part;
        borrow = first || second;
    }
    rest
}

fn bits(number: &Number) -> impl Iterator<Item = bool> {
    number.iter().flat_map(|limb| (0..64).rev().map(move |place| limb >> place & 1 == 1))
}

fn to_bytes(number: &Number) -> [u8; 128] {
    std::array::from_fn(|index| number[index / 8].to_be_bytes()[index % 8])
}

fn from_bytes(bytes: &[u8; 128]) -> Number {
    std::array::from_fn(|limb| {
        bytes[limb * 8..limb * 8 + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents};

    use super::{MODULUS, sign, to_bytes};

    #[test]
    fn the_weak_signature_is_a_true_one() {
        let key = RsaPublicKeyComponents { n: to_bytes(&MODULUS).to_vec(), e: vec![1, 0, 1] };
        let signature = sign(b"input");
        assert!(key.verify(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, b"input", &signature).is_ok());
    }
}
