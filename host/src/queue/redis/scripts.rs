//! The steps, as scripts. What they have in common stands before each of them.

use redis::Script;
use std::sync::LazyLock;

macro_rules! scripts {
    ($($name:ident $($file:literal)+;)+) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!(include_str!("lua/common.lua"), $(include_str!($file)),+)));)+
    };
}

scripts! {
    ANNOUNCE "lua/announce.lua";
    CHANGE "lua/change.lua";
    CLAIM "lua/claim_step.lua" "lua/claim.lua";
    ENQUEUE "lua/enqueue.lua";
    FINISH "lua/finish_step.lua" "lua/finish.lua";
    FORGET "lua/forget.lua";
    GREET "lua/greet.lua";
    HOSTS "lua/hosts.lua";
    KNOWN "lua/known.lua";
    NEXT "lua/finish_step.lua" "lua/claim_step.lua" "lua/next.lua";
    PIN "lua/pin.lua";
    RECOVER "lua/recover.lua";
    RENEW "lua/renew.lua";
    SAVE "lua/save.lua";
    SAY "lua/say.lua";
    SHARE "lua/share.lua";
    TELL "lua/tell.lua";
}
